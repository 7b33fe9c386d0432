/**
 * A vault in memory that keeps the contract's promises on epochs, leases, caps and refunds, by the second of a clock. It has no
 * signatures and no pool: what operators earn is the sum of the dues.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { atomicToWei, type MoneyTransaction } from '@computepool/shared/money'
import type { Clock, KeeperInput } from '@computepool/shared/ports'
import { createFakeKeeper, type FakeKeeper } from '@computepool/shared/testing'
import type { Hex } from 'viem'
import type { VaultOpening, VaultReader, VaultSession } from '../src/chain/vault-reader.ts'
import { sessionIdOf } from '../src/payments/voucher.ts'

export interface FakeVault extends VaultReader {
  /** Takes the money of a voucher; a second time it throws, as the contract does. */
  open(voucher: { payer: Hex; nonce: Hex; capAtomic: bigint }): Hex
  set(id: string, epoch: number, rateWei: bigint, leaseUntil: number, dueAtomic: bigint): void
  close(id: string, epoch: number, dueAtomic: bigint): void
  /** Everything is forgotten, as when an embedded chain is lost. */
  replace(): void
  fault: ((what: string) => void) | null
  /** Paid in, paid out: they must add up. */
  readonly books: { inAtomic: bigint; earnedAtomic: bigint; refundedAtomic: bigint }
  keeper(): FakeKeeper
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export function createFakeVault(
  clock: Clock,
  options: { pricePerSecondAtomic: bigint; maxLeaseSeconds?: number; sessionSeconds?: number; vault?: Hex },
): FakeVault {
  const { pricePerSecondAtomic, maxLeaseSeconds = 60, sessionSeconds = 3600 } = options
  const { vault = `0x${'aa'.repeat(20)}` } = options
  const sessions = new Map<string, Mutable<VaultSession>>()
  const history: { id: string; transaction: MoneyTransaction; opening?: VaultOpening }[] = []
  const books = { inAtomic: 0n, earnedAtomic: 0n, refundedAtomic: 0n }
  let block = 1
  let unitsEpoch = 0
  let members: { member: string; units: number }[] = []
  const nowSeconds = (): number => Math.floor(clock.wallMs() / 1000)

  const mine = (id: string, kind: MoneyTransaction['kind']): MoneyTransaction => {
    block += 1
    const transaction = { kind, hash: `0x${block.toString(16).padStart(64, '0')}`, blockNumber: block, atMs: null }
    history.push({ id, transaction })
    return transaction
  }
  const known = (id: string): Mutable<VaultSession> => {
    const session = sessions.get(id)
    if (session === undefined) throw new ComputePoolError('chain_reverted', `SessionUnknown(${id})`)
    return session
  }
  const advanceDue = (session: Mutable<VaultSession>, dueAtomic: bigint): void => {
    const bounded = dueAtomic > session.capAtomic ? session.capAtomic : dueAtomic
    if (bounded > session.dueAtomic) session.dueAtomic = bounded
  }

  const fake: FakeVault = {
    vault,
    books,
    fault: null,
    replace: () => {
      sessions.clear()
      history.length = 0
      block = 1
      unitsEpoch = 0
      members = []
    },
    open: ({ payer, nonce, capAtomic }) => {
      const id = sessionIdOf(payer, nonce)
      if (sessions.has(id)) throw new ComputePoolError('chain_reverted', `SessionExists(${id})`)
      sessions.set(id, {
        state: 'open',
        payer,
        capAtomic,
        pricePerSecondAtomic,
        dueAtomic: 0n,
        refundedAtomic: 0n,
        rateWei: 0n,
        leaseUntil: 0,
        expiresAt: nowSeconds() + sessionSeconds,
        epoch: 0,
      })
      books.inAtomic += capAtomic
      const transaction = mine(id, 'open')
      history.at(-1)!.opening = { id, payer, capAtomic, nonce, transaction }
      return transaction.hash as Hex
    },
    set: (id, epoch, rateWei, leaseUntil, dueAtomic) => {
      const session = known(id)
      if (session.state === 'closed' || epoch <= session.epoch) return
      if (rateWei % atomicToWei(pricePerSecondAtomic) !== 0n)
        throw new ComputePoolError('chain_reverted', 'RateNotAllowed')
      session.epoch = epoch
      advanceDue(session, dueAtomic)
      const until = Math.min(leaseUntil, nowSeconds() + maxLeaseSeconds)
      const runs = rateWei > 0n && until > nowSeconds() && session.dueAtomic < session.capAtomic
      session.rateWei = runs ? rateWei : 0n
      session.leaseUntil = runs ? until : 0
      session.state = runs ? 'streaming' : 'open'
      mine(id, 'set')
    },
    close: (id, epoch, dueAtomic) => {
      const session = known(id)
      if (session.state === 'closed' || epoch <= session.epoch) return
      session.epoch = epoch
      advanceDue(session, dueAtomic)
      Object.assign(session, { state: 'closed', rateWei: 0n, leaseUntil: 0 })
      session.refundedAtomic = session.capAtomic - session.dueAtomic
      books.earnedAtomic += session.dueAtomic
      books.refundedAtomic += session.refundedAtomic
      mine(id, 'close')
    },
    keeper: () =>
      createFakeKeeper({
        'stream-start': async input => {
          fake.fault?.('stream-start')
          const { id, epoch, dueAtomic } = common(input)
          fake.set(id, epoch, BigInt(String(input.rate_wei)), Number(input.lease_until), dueAtomic)
        },
        'stream-stop': async input => {
          fake.fault?.('stream-stop')
          const { id, epoch, dueAtomic } = common(input)
          if (input.final === true) fake.close(id, epoch, dueAtomic)
          else fake.set(id, epoch, 0n, 0, dueAtomic)
        },
        'set-units': async input => {
          fake.fault?.('set-units')
          const epoch = Number(input.epoch)
          if (epoch <= unitsEpoch) return
          unitsEpoch = epoch
          const units = input.units as string[]
          members = (input.members as string[]).map((member, at) => ({ member, units: Number(units[at]) }))
        },
      }),
    session: async id => {
      const session = sessions.get(id)
      if (session !== undefined) return { ...session }
      const nothing = { dueAtomic: 0n, refundedAtomic: 0n, rateWei: 0n, leaseUntil: 0, expiresAt: 0, epoch: 0 }
      return { ...nothing, state: 'unknown', payer: `0x${'00'.repeat(20)}`, capAtomic: 0n, pricePerSecondAtomic: 0n }
    },
    totals: async () => {
      const liveRateWei = [...sessions.values()].reduce((sum, { rateWei }) => sum + rateWei, 0n)
      return {
        blockNumber: block,
        atSeconds: nowSeconds(),
        liveRateWei,
        poolRateWei: liveRateWei,
        totalUnits: BigInt(members.reduce((sum, { units }) => sum + units, 0)),
        unitsEpoch,
        members,
        reserveWei: 10n ** 21n,
        reserveLockedWei: 0n,
        reserveFreeWei: 10n ** 21n,
        debtWei: 0n,
        owedWei: 0n,
      }
    },
    nowSeconds: async () => nowSeconds(),
    expired: async max =>
      [...sessions]
        .filter(([, { state, leaseUntil }]) => state === 'streaming' && leaseUntil <= nowSeconds())
        .map(([id]) => id as Hex)
        .slice(0, max),
    transactionsOf: async id => history.filter(entry => entry.id === id).map(({ transaction }) => transaction),
    blockNumberOf: async hash =>
      history.find(({ transaction }) => transaction.hash === hash)?.transaction.blockNumber ?? null,
    openings: async (fromBlock, toBlock) =>
      history.flatMap(({ opening }) => {
        const at = opening?.transaction.blockNumber ?? -1
        return opening !== undefined && at >= fromBlock && at <= toBlock ? [opening] : []
      }),
    isAuthorizationUsed: async (payer, nonce) => sessions.has(sessionIdOf(payer as Hex, nonce as Hex)),
  }
  return fake
}

const common = (input: KeeperInput) => ({
  id: String(input.session_id),
  epoch: Number(input.epoch),
  dueAtomic: BigInt(String(input.due_atomic)),
})
