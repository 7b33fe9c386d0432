/**
 * Holds ledger, outbox and chain against each other, on start and every minute: what can be put right is ordered anew as an absolute
 * target, what cannot is told to the owner. It believes the chain about money and the ledger about work.
 */
import { asComputePoolError, type ComputePoolError } from '@computepool/shared/errors'
import { atomicToWei } from '@computepool/shared/money'
import type { Clock } from '@computepool/shared/ports'
import type { VaultReader, VaultTotals } from '../chain/vault-reader.ts'
import type { Database } from '../store/database.ts'
import type { Ledger } from './ledger.ts'
import { getFact, putFact, vaultFact } from './ledger-facts.ts'
import { createFindingBook, createOutboxRows, type FindingBook, type OutboxRows, type Trouble } from './outbox-rows.ts'
import { reconcileSessions } from './reconcile-sessions.ts'
import { reconcileVouchers } from './reconcile-vouchers.ts'

export interface ReconcilerOptions {
  readonly db: Database
  readonly ledger: Ledger
  readonly vault: VaultReader
  readonly clock: Clock
  /** Block before which the vault did not exist. */
  readonly fromBlock?: number
  readonly pricePerSecondAtomic: () => Promise<bigint>
  readonly intervalMs?: number
  readonly onFault?: (fault: ComputePoolError) => void
}

export interface Reconciler {
  /** One look at everything, begun now or later: callers that come while one is under way share the next. Errors: `chain_unreachable`. */
  check(): Promise<CheckOutcome>
  /** Checks now and every minute. */
  start(): void
  close(): Promise<void>
}

export interface CheckOutcome {
  readonly repaired: readonly Trouble[]
  readonly open: readonly Trouble[]
}

export interface CheckContext extends ReconcilerOptions {
  readonly rows: OutboxRows
  readonly totals: VaultTotals
  readonly nowMs: number
  /** Troubles that earlier checks left open, and when they were found. */
  readonly wasOpen: ReadonlyMap<string, number>
  repaired(trouble: Trouble): void
  open(trouble: Trouble): void
}

const oldOrderMs = 120_000

export function createReconciler(options: ReconcilerOptions): Reconciler {
  const { db, vault, clock, intervalMs = 60_000 } = options
  const findings = createFindingBook(db, vault.vault)
  const rows = createOutboxRows(db, vault.vault)
  let cancel: (() => void) | null = null
  let running: Promise<CheckOutcome> | null = null
  let wanted: Promise<CheckOutcome> | null = null
  let isClosed = false

  const begin = (): Promise<CheckOutcome> => {
    const run = checkOnce(options, findings, rows)
    running = run
    const clear = (): void => {
      if (running === run) running = null
    }
    run.then(clear, clear)
    return run
  }

  const check = (): Promise<CheckOutcome> => {
    if (wanted !== null || running === null) return wanted ?? begin()
    // What is under way may have looked already where the caller knows of news.
    const after = (): Promise<CheckOutcome> => {
      wanted = null
      return begin()
    }
    wanted = running.then(after, after)
    return wanted
  }

  const loop = (): void => {
    if (isClosed) return
    check()
      .catch((thrown: unknown) => options.onFault?.(asComputePoolError(thrown)))
      .finally(() => {
        if (!isClosed) cancel = clock.schedule(intervalMs, loop)
      })
  }

  return {
    check,
    start: loop,
    close: async () => {
      isClosed = true
      cancel?.()
      await Promise.allSettled([running, wanted])
    },
  }
}

async function checkOnce(options: ReconcilerOptions, findings: FindingBook, rows: OutboxRows): Promise<CheckOutcome> {
  const { vault, clock } = options
  const outcome = { repaired: [] as Trouble[], open: [] as Trouble[] }
  const totals = await vault.totals()
  const nowMs = clock.wallMs()
  const wasOpen = await findings.openTroubles()
  const context: CheckContext = {
    ...options,
    rows,
    totals,
    nowMs,
    wasOpen,
    repaired: trouble => void outcome.repaired.push(trouble),
    open: trouble => void outcome.open.push(trouble),
  }
  await checkHeight(context)
  await reconcileVouchers(context)
  await reconcileSessions(context)
  checkPool(context)
  await checkOrders(context)
  await checkReserve(context)
  await checkUnits(context)

  for (const trouble of outcome.repaired) await findings.repaired(trouble, nowMs)
  for (const trouble of outcome.open) await findings.open(trouble, nowMs)
  const still = new Set(outcome.open.map(({ trouble }) => trouble))
  for (const trouble of wasOpen.keys()) {
    if (!still.has(trouble) && (await isPast(options.ledger, trouble))) await findings.resolve(trouble, nowMs)
  }
  await putFact(options.db, vaultFact('last-check', vault.vault), { atMs: nowMs, blockNumber: totals.blockNumber })
  return outcome
}

/** The outbox's own troubles end when it carries their order out, or when there is nothing left to order. */
async function isPast(ledger: Ledger, trouble: string): Promise<boolean> {
  const [who, subject] = trouble.split(' ')
  if (who !== 'outbox') return true
  const session = await ledger.session(subject!)
  return session?.state === 'closed' || session?.state === 'refused'
}

/** A chain's height only grows; one that fell was rolled back, or is another chain. */
async function checkHeight(context: CheckContext): Promise<void> {
  const last = await getFact<{ blockNumber?: number }>(context.db, vaultFact('last-check', context.vault.vault))
  const before = last?.blockNumber ?? 0
  if (context.totals.blockNumber >= before) return
  context.repaired({
    trouble: `chain height ${before}`,
    law: 'chain',
    message: `The chain stood at block ${before} and now stands at ${context.totals.blockNumber}: it was rolled back or replaced.`,
    remedy: 'Each session was looked up anew; those that the chain has lost are told one by one.',
  })
  await putFact(context.db, vaultFact('scanned-block', context.vault.vault), {
    blockNumber: (context.fromBlock ?? 0) - 1,
  })
}

function checkPool({ totals, open }: CheckContext): void {
  const lackWei = totals.liveRateWei - totals.poolRateWei
  // Superfluid rounds each stream down to a multiple of the pool's units; with no units nothing flows at all.
  const rounding = totals.totalUnits * 512n
  if (totals.totalUnits === 0n ? totals.liveRateWei === 0n : lackWei >= 0n && lackWei <= rounding) return
  open({
    trouble: 'pool rate',
    law: 'rates',
    message: `The sessions' rates add up to ${totals.liveRateWei} wei/s, but the pool pays ${totals.poolRateWei} wei/s.`,
    remedy: 'Check that operators have units; a stream that was liquidated ends with its session.',
  })
}

async function checkOrders({ rows, nowMs, open, vault }: CheckContext): Promise<void> {
  const oldest = await rows.oldestMs()
  if (oldest !== null && nowMs - oldest > oldOrderMs) {
    open({
      trouble: 'orders late',
      law: 'outbox',
      message: `The oldest order to the chain has waited ${Math.round((nowMs - oldest) / 1000)} s.`,
      remedy: 'Check that the keeper and the chain’s node answer; leases bound what it can cost.',
    })
  }
  const expired = await vault.expired(32)
  if (expired.length === 0) return
  const sessions = await Promise.all(expired.map(async id => ({ id, ...(await vault.session(id)) })))
  const late = sessions.filter(({ leaseUntil, rateWei }) => rateWei > 0n && nowMs - leaseUntil * 1000 > oldOrderMs)
  if (late.length === 0) return
  open({
    trouble: 'leases past',
    law: 'rates',
    message: `${late.length} sessions stream on after their lease, ${late[0]!.id} the first: nobody reaps them.`,
    remedy: 'Check that the keeper’s "reap" workflow runs; anybody may call reap on the vault.',
  })
}

async function checkReserve(context: CheckContext): Promise<void> {
  const { totals, ledger, open } = context
  const { bufferSeconds, leaseSeconds } = ledger.terms
  const oneRequestWei = atomicToWei(await context.pricePerSecondAtomic()) * BigInt(bufferSeconds + leaseSeconds)
  if (totals.reserveFreeWei < oneRequestWei) {
    open({
      trouble: 'reserve low',
      law: 'reserve',
      message: `The coalition's reserve has ${totals.reserveFreeWei} wei free; one more request locks ${oneRequestWei}.`,
      remedy: 'Fund it (fundReserve on the vault), or wait until streams end.',
    })
  }
  if (totals.debtWei > 0n) {
    open({
      trouble: 'reserve debt',
      law: 'reserve',
      message: `Stopped streams left ${totals.debtWei} wei that the reserve still owes to their accounts.`,
      remedy: 'Fund the reserve; anybody may then call cover on the vault.',
    })
  }
}

async function checkUnits({ ledger, totals, rows, repaired }: CheckContext): Promise<void> {
  const units = await ledger.units()
  if (units === null || (await rows.isBusy(ledger.terms.vault.toLowerCase()))) return
  const list = (members: readonly { member: string; units: number }[]): string =>
    [...members]
      .map(({ member, units: count }) => `${member.toLowerCase()} ${count}`)
      .sort()
      .join(', ')
  if (list(units.members) === list(totals.members)) return
  await ledger.renewUnits(0, totals.unitsEpoch)
  repaired({
    trouble: `units ${totals.unitsEpoch}`,
    law: 'units',
    message: `The pool's units were not the ledger's (epoch ${totals.unitsEpoch} there, ${units.epoch} here); they are ordered anew.`,
    remedy: 'Nothing to do.',
  })
}
