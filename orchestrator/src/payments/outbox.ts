/**
 * Carries the ledger's orders to the chain: `open` through the settler, all else as keeper runs. What happened is read from the chain,
 * never believed of a run or a callback. Every step is written down first, so that a kill at any of them is picked up where it was.
 */
import { asComputePoolError, ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import { createIdlers } from '../idlers.ts'
import type { Database } from '../store/database.ts'
import type { OutboxRow } from '../store/ledger-tables.ts'
import { keeperOrder, sentOf } from './keeper-orders.ts'
import type { Ledger } from './ledger.ts'
import { settleOpening } from './outbox-open.ts'
import type { CallbackDoor, KillHook, KillPoint, OutboxKeeper, OutboxVault, Settler } from './outbox-ports.ts'
import { createFindingBook, createOutboxRows, type FindingBook, type OutboxRows } from './outbox-rows.ts'
import { lookAtChain } from './outbox-truth.ts'

export interface OutboxOptions {
  readonly db: Database
  readonly ledger: Ledger
  readonly clock: Clock
  readonly keeper: OutboxKeeper
  readonly settler: Settler
  readonly vault: OutboxVault
  readonly callback?: CallbackDoor | null
  readonly killPoint?: KillHook
  /** Faults that no row can carry: for the log. */
  readonly onFault?: (fault: ComputePoolError) => void
}

export interface Outbox {
  /** Begins to work; rows that a killed process left are taken up again. */
  start(): void
  /** Something may have changed: look now. */
  wake(): void
  /** A callback spoke of this row: look at the chain now. */
  hint(outboxId: string): void
  /** Resolves when nothing is under way and nothing waits for now (what waits for a retry does not count). */
  idle(): Promise<void>
  /** Stops waiting and returns; what was sent stays sent and is taken up by the next start. */
  close(): Promise<void>
}

export interface OutboxContext extends OutboxOptions {
  readonly rows: OutboxRows
  readonly findings: FindingBook
  readonly signal: AbortSignal
  kill(point: KillPoint, row: OutboxRow): Promise<void>
}

const tickMs = 1000
/** A keeper service may take 90 s a run: enough that a stop never waits behind others' starts. */
const mostAtOnce = 256
/** A run is asked again after this long; a callback or its end is quicker. */
const waitMs = 25_000
const mostBackoffMs = 60_000
/** Failures in a row after which the owner hears of it. */
const patience = 3

export function createOutbox(options: OutboxOptions): Outbox {
  const { db, ledger, clock, vault, killPoint } = options
  const stopping = new AbortController()
  const rows = createOutboxRows(db, vault.vault)
  const context: OutboxContext = {
    ...options,
    rows,
    findings: createFindingBook(db, vault.vault),
    signal: stopping.signal,
    kill: async (point, { id, kind }) => killPoint?.(point, { id, kind }),
  }
  const underWay = new Map<number, { readonly done: Promise<void>; readonly hints: Set<() => void> }>()
  const idlers = createIdlers()
  let pumping: Promise<void> | null = null
  let isPumpWanted = false
  let cancelTick: (() => void) | null = null
  let isStarted = false

  const fault = (thrown: unknown): void => {
    if (!stopping.signal.aborted) options.onFault?.(asComputePoolError(thrown))
  }

  const wake = (): void => {
    if (!isStarted || stopping.signal.aborted) return
    isPumpWanted = true
    pumping ??= pump().finally(() => {
      pumping = null
      if (isPumpWanted) wake()
      else tellIdlers()
    })
  }

  const pump = async (): Promise<void> => {
    while (isPumpWanted && !stopping.signal.aborted) {
      isPumpWanted = false
      try {
        const room = mostAtOnce - underWay.size
        if (room <= 0) return
        for (const row of await rows.due(clock.wallMs(), room, [...underWay.keys()])) take(row)
      } catch (thrown) {
        fault(thrown)
      }
    }
  }

  const take = (row: OutboxRow): void => {
    const hints = new Set<() => void>()
    const done = carryOut(context, row, hints)
      .catch(fault)
      .finally(() => {
        underWay.delete(row.id)
        wake()
      })
    underWay.set(row.id, { done, hints })
  }

  const tellIdlers = (): void => {
    if (underWay.size === 0 && pumping === null) idlers.tell()
  }

  const tick = (): void => {
    cancelTick = clock.schedule(tickMs, () => {
      ledger
        .sessionsToRenew()
        .then(ids => Promise.all(ids.map(id => ledger.renewTarget(id, 'lease'))))
        .catch(fault)
        .finally(() => {
          wake()
          if (!stopping.signal.aborted) tick()
        })
    })
  }

  const unsubscribe = ledger.onChange(({ hasOrders }) => {
    if (hasOrders) wake()
  })

  return {
    start: () => {
      if (isStarted) return
      isStarted = true
      wake()
      tick()
    },
    wake,
    hint: outboxId => {
      for (const hint of [...(underWay.get(Number(outboxId))?.hints ?? [])]) hint()
      wake()
    },
    idle: () => {
      const idle = idlers.wait()
      wake()
      return idle
    },
    close: async () => {
      unsubscribe()
      stopping.abort(new ComputePoolError('chain_unreachable', 'The outbox was closed.'))
      cancelTick?.()
      await pumping
      await Promise.all([...underWay.values()].map(({ done }) => done))
      idlers.tell()
    },
  }
}

async function carryOut(context: OutboxContext, row: OutboxRow, hints: Set<() => void>): Promise<void> {
  try {
    if (row.kind === 'open') await settleOpening(context, row)
    else await runOrder(context, row, hints)
  } catch (thrown) {
    if (context.signal.aborted) return
    await putOff(context, row, asComputePoolError(thrown))
  }
}

async function runOrder(context: OutboxContext, row: OutboxRow, hints: Set<() => void>): Promise<void> {
  const { rows, keeper, signal, clock, kill } = context
  let executionId = row.executionId
  if (executionId === null) {
    const claimed = await rows.claim(row.id, await sentOf(context, row))
    if (claimed === null) return
    await kill('outbox:claimed', row)
    // A process that died after sending may have been heard: then nothing is left to send.
    if ((row.status === 'claimed' || row.attempts > 0) && (await finishBySight(context, claimed))) return
    const order = await keeperOrder(context, claimed)
    const idempotencyKey = claimed.idempotencyKey
    const execution = await keeper.execute(order.workflow, order.input, { idempotencyKey, signal })
    executionId = execution.executionId
    await kill('outbox:submitted', row)
    await rows.submitted(row.id, executionId)
    await kill('outbox:execution-stored', row)
  }
  for (;;) {
    const run = await waitForRun(context, executionId, hints)
    await kill('outbox:run-over', row)
    if (await finishBySight(context, { ...row, executionId })) return
    if (run === null || !isOver(run.status)) continue
    // The node that is asked may be a block behind the one that mined.
    await pause(clock, 250, signal)
    if (await finishBySight(context, { ...row, executionId })) return
    await sendAnew(context, row, run.error ?? `The run ended as ${run.status}, and the chain shows nothing of it.`)
    return
  }
}

const isOver = (status: string): boolean =>
  status === 'success' ||
  status === 'error' ||
  status === 'system_error' ||
  status === 'cancelled' ||
  status === 'skipped'

/** Null where a hint came first. */
async function waitForRun(context: OutboxContext, executionId: string, hints: Set<() => void>) {
  const hinted = new AbortController()
  const onHint = (): void => hinted.abort()
  hints.add(onHint)
  try {
    const signal = AbortSignal.any([context.signal, hinted.signal])
    return await context.keeper.wait(executionId, waitMs, signal)
  } catch (thrown) {
    if (hinted.signal.aborted && !context.signal.aborted) return null
    throw thrown
  } finally {
    hints.delete(onHint)
  }
}

/** True where the chain has this order, or a later one, or no use for it any more. */
async function finishBySight(context: OutboxContext, row: OutboxRow): Promise<boolean> {
  const sight = await lookAtChain(context, row)
  if (sight.verdict === 'not-yet') return false
  await context.kill('outbox:seen-on-chain', row)
  await sight.tellLedger()
  await context.kill('outbox:told-ledger', row)
  const nowMs = context.clock.wallMs()
  await context.rows.finish(row.id, sight.verdict, nowMs, sight.verdict === 'failed' ? sight.reason : undefined)
  // Also where somebody else closed the session, or a later order got there first: what failed is over.
  if (sight.verdict !== 'failed') await context.findings.resolve(troubleOf(row), nowMs)
  await context.kill('outbox:recorded', row)
  return true
}

/** The keeper replays failures under their key, so a failed order goes out again as the same target under a new epoch. */
async function sendAnew(context: OutboxContext, row: OutboxRow, reason: string): Promise<void> {
  const { rows, ledger, clock } = context
  await rows.finish(row.id, 'failed', clock.wallMs(), reason)
  const failures = await rows.failuresInARow(row.subject)
  if (failures >= patience) await tellOwner(context, row, failures, reason)
  if (await rows.hasNewer(row)) return
  const delayMs = backoffMs(failures - 1)
  if (row.sessionId !== null) await ledger.renewTarget(row.sessionId, reason, delayMs)
  else await ledger.renewUnits(delayMs)
}

/** Nothing was sent, or nobody knows: the same again later, under the same key. */
async function putOff(context: OutboxContext, row: OutboxRow, error: ComputePoolError): Promise<void> {
  const attempts = row.attempts + 1
  if (error.code === 'chain_keeper_conflict') return sendAnew(context, row, error.message)
  await context.rows.postpone(row.id, context.clock.wallMs() + backoffMs(row.attempts), error.message)
  if (attempts >= patience) await tellOwner(context, row, attempts, error.message, error.remedy)
}

async function tellOwner(
  { findings, clock }: OutboxContext,
  row: OutboxRow,
  times: number,
  reason: string,
  remedy = 'Read the run’s log under Activity; the order is repeated by itself.',
): Promise<void> {
  const trouble = {
    trouble: troubleOf(row),
    law: 'outbox' as const,
    message: `The order "${row.kind}" failed ${times} times in a row: ${reason}`,
    remedy,
    sessionId: row.sessionId,
  }
  await findings.open(trouble, clock.wallMs())
}

const troubleOf = (row: OutboxRow): string => `outbox ${row.subject} ${row.kind === 'set' ? 'close' : row.kind}`

export const backoffMs = (attempts: number): number => Math.min(mostBackoffMs, 1000 * 2 ** Math.min(attempts, 10))

export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const onAbort = (): void => {
      cancel()
      reject(signal.reason)
    }
    const cancel = clock.schedule(ms, () => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    })
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
