/**
 * What the vault promises about one session, in whole atomic units and without a chain: the oracle of the property test. It is
 * written from the rules (docs/decisions/stream-vault.md) and shares no code with the contract.
 */
import { maxLeaseSeconds, maxSessionSeconds, priceAtomic, slackSeconds } from './vault-bench.ts'

export interface ModelSession {
  readonly capAtomic: bigint
  readonly startedAt: number
  readonly dueAtomic: bigint
  /** Most that may be charged so far. */
  readonly allowedAtomic: bigint
  readonly rateAtomic: bigint
  readonly leaseUntil: number
  readonly epoch: bigint
  readonly settledAt: number
  readonly state: 'open' | 'streaming' | 'closed'
}

const min = <T extends bigint | number>(a: T, b: T): T => (a < b ? a : b)
const max = <T extends bigint | number>(a: T, b: T): T => (a > b ? a : b)

export const openSession = (capAtomic: bigint, now: number): ModelSession => ({
  capAtomic,
  startedAt: now,
  settledAt: now,
  ...{ dueAtomic: 0n, allowedAtomic: 0n, rateAtomic: 0n, leaseUntil: 0, epoch: 0n, state: 'open' },
})

const leasedAtomic = (s: ModelSession, now: number): bigint =>
  s.state === 'streaming' ? s.rateAtomic * BigInt(min(now, s.leaseUntil) - s.settledAt) : 0n

export interface SetCommand {
  readonly epoch: bigint
  readonly rateAtomic: bigint
  readonly leaseUntil: number
  readonly dueAtomic: bigint
}

function charge(s: ModelSession, now: number, command: { rateAtomic: bigint; dueAtomic: bigint }): ModelSession {
  const slack = max(max(s.rateAtomic, command.rateAtomic), priceAtomic) * BigInt(slackSeconds)
  const allowedAtomic = min(s.capAtomic, s.allowedAtomic + leasedAtomic(s, now) + slack)
  const dueAtomic = max(s.dueAtomic, min(command.dueAtomic, allowedAtomic))
  return { ...s, allowedAtomic, dueAtomic, settledAt: now }
}

export function set(s: ModelSession, now: number, command: SetCommand): ModelSession {
  if (s.state === 'closed' || command.epoch <= s.epoch) return s
  const charged = charge(s, now, command)
  const paidFor = command.rateAtomic === 0n ? 0 : Number((s.capAtomic - charged.dueAtomic) / command.rateAtomic)
  const leaseUntil = min(min(command.leaseUntil, s.startedAt + maxSessionSeconds), now + min(maxLeaseSeconds, paidFor))
  const runs = command.rateAtomic > 0n && leaseUntil > now
  return {
    ...charged,
    epoch: command.epoch,
    rateAtomic: runs ? command.rateAtomic : 0n,
    leaseUntil: runs ? leaseUntil : s.leaseUntil,
    state: runs ? 'streaming' : 'open',
  }
}

export function close(s: ModelSession, now: number, command: { epoch: bigint; dueAtomic: bigint }): ModelSession {
  if (s.state === 'closed' || command.epoch <= s.epoch) return s
  return { ...charge(s, now, { ...command, rateAtomic: 0n }), epoch: command.epoch, rateAtomic: 0n, state: 'closed' }
}

export const isExpired = (s: ModelSession, now: number): boolean =>
  s.state === 'streaming' ? now >= s.leaseUntil : s.state === 'open' && now >= s.startedAt + maxSessionSeconds

/** Ended without the keeper: charged by the chain's own seconds since the last command. */
export function end(s: ModelSession, now: number): ModelSession {
  if (s.state === 'closed') return s
  const dueAtomic = min(s.capAtomic, s.dueAtomic + leasedAtomic(s, now))
  return { ...s, dueAtomic, rateAtomic: 0n, state: 'closed', settledAt: now }
}
