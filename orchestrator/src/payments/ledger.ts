/**
 * The book of money: every session, request and order to the chain, in one SQL transaction each. It knows no HTTP, no chain and no
 * keeper; the outbox carries its orders out and tells it what the chain says.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import type { MoneySession, SessionEvent } from '@computepool/shared/money'
import type { Clock } from '@computepool/shared/ports'
import { and, eq, inArray, isNull, lt } from 'drizzle-orm'
import type { Hex } from 'viem'
import type { Database } from '../store/database.ts'
import { moneyTransactionsTable, requestsTable, type SessionRow, sessionsTable } from '../store/ledger-tables.ts'
import type { Ledger, LedgerChange, LedgerTerms } from './ledger-port.ts'
import { appendEvent, insertOrder, lockSession, sessionOfRow, stepInLedger } from './ledger-steps.ts'
import { listFindings, listSessions, openBlockOf, receiptOf, type ViewContext, viewSession } from './ledger-views.ts'
import { createLiveMeter, spentAtomic } from './live-meter.ts'
import { createUnitsBook } from './units-book.ts'
import { sessionIdOf } from './voucher.ts'

export type {
  ChainOpening,
  FoundSession,
  Ledger,
  LedgerChange,
  LedgerTerms,
  RequestEnd,
  UnitsOptions,
  VoucherAdmission,
} from './ledger-port.ts'

export interface LedgerOptions {
  readonly db: Database
  readonly clock: Clock
  readonly terms: LedgerTerms
}

export function createLedger({ db, clock, terms }: LedgerOptions): Ledger {
  const vault = terms.vault.toLowerCase()
  // Another model has another vault, and may share the database.
  const isOurs = eq(sessionsTable.vault, vault)
  const meter = createLiveMeter(clock)
  const listeners = new Set<(change: LedgerChange) => void>()
  const queues = new Map<string, Promise<unknown>>()
  const context: ViewContext = {
    db,
    vault,
    bufferSeconds: terms.bufferSeconds,
    nowMs: () => clock.wallMs(),
    readMs: meter.readMs,
  }

  const tell = (change: LedgerChange): void => {
    for (const listener of [...listeners]) listener(change)
  }

  /** Steps of one session keep the order in which they were asked for, also over several connections. */
  const inOrder = <T>(sessionId: string, work: () => Promise<T>): Promise<T> => {
    const run = (queues.get(sessionId) ?? Promise.resolve()).then(work, work)
    queues.set(sessionId, run)
    const clear = (): void => {
      if (queues.get(sessionId) === run) queues.delete(sessionId)
    }
    run.then(clear, clear)
    return run
  }

  const remember = (sessionId: string, session: MoneySession): void => {
    if (session.status === 'closed' || session.status === 'refused') meter.forget(sessionId)
    else meter.remember(sessionId, session)
  }

  const step = (sessionId: string, event: SessionEvent, delayMs = 0) =>
    inOrder(sessionId, async () => {
      const { leaseSeconds } = terms
      const options = { vault, sessionId, event, atMs: clock.wallMs(), delayMs, leaseSeconds, readMs: meter.readMs }
      const outcome = await stepInLedger(db, options)
      remember(sessionId, outcome.step.session)
      if (outcome.step.isNews) {
        tell({ sessionId, status: outcome.step.session.status, hasOrders: outcome.step.orders.length > 0 })
      }
      return outcome
    })

  const session = async (sessionId: string): Promise<SessionRow | null> => {
    const [row] = await db
      .select()
      .from(sessionsTable)
      .where(and(eq(sessionsTable.id, sessionId.toLowerCase()), isOurs))
    return row ?? null
  }

  const admitVoucher: Ledger['admitVoucher'] = async admission => {
    const payer = admission.payer.toLowerCase() as Hex
    const nonce = admission.nonce.toLowerCase() as Hex
    const id = sessionIdOf(payer, nonce)
    const atMs = clock.wallMs()
    const inserted = await db.transaction(async tx => {
      const [row] = await tx
        .insert(sessionsTable)
        .values({
          id,
          vault,
          payer,
          nonce,
          origin: admission.origin,
          state: 'opening',
          capAtomic: admission.capAtomic,
          pricePerSecondAtomic: admission.pricePerSecondAtomic,
          expiresAt: Math.floor(atMs / 1000) + terms.sessionSeconds,
          voucher: admission.voucher,
          validBefore: admission.validBefore,
          createdAtMs: atMs,
          updatedAtMs: atMs,
        })
        .onConflictDoNothing()
        .returning()
      if (row === undefined) return null
      await insertOrder(tx, { kind: 'open', subject: id, sessionId: id, epoch: 0, atMs, payload: {} })
      const { capAtomic, pricePerSecondAtomic, origin } = admission
      await appendEvent(tx, id, 'admitted', { capAtomic, pricePerSecondAtomic, origin }, atMs)
      return row
    })
    if (inserted !== null) {
      meter.remember(id, sessionOfRow(inserted, []))
      tell({ sessionId: id, status: 'opening', hasOrders: true })
      return { session: inserted, isNew: true }
    }
    const known = await session(id)
    // Unknown: the same nonce opened a session of another vault in this database.
    if (known === null || known.capAtomic !== admission.capAtomic || known.origin !== admission.origin) {
      throw new ComputePoolError('payment_voucher_conflict', 'This voucher already opened a session on other terms.', {
        remedy: 'Sign a new voucher.',
        context: { sessionId: id },
      })
    }
    return { session: known, isNew: false }
  }

  const adopt: Ledger['adopt'] = found =>
    inOrder(found.id, () =>
      db.transaction(async tx => {
        const atMs = clock.wallMs()
        const state = {
          state: 'open' as const,
          epoch: found.epoch,
          appliedEpoch: found.epoch,
          expiresAt: found.expiresAt,
          updatedAtMs: atMs,
        }
        const { id, capAtomic, pricePerSecondAtomic } = found
        const taken = await tx
          .insert(sessionsTable)
          .values({
            ...state,
            id,
            vault,
            payer: found.payer.toLowerCase(),
            nonce: found.nonce,
            origin: 'session',
            capAtomic,
            pricePerSecondAtomic,
            validBefore: 0,
            createdAtMs: atMs,
          })
          .onConflictDoUpdate({
            target: sessionsTable.id,
            set: { ...state, refuseReason: null },
            setWhere: and(isOurs, eq(sessionsTable.state, 'refused'))!,
          })
          .returning({ id: sessionsTable.id })
        if (taken.length === 0) return false
        await appendEvent(tx, id, 'adopted', { epoch: found.epoch, capAtomic, pricePerSecondAtomic }, atMs)
        return true
      }),
    )

  const whenSettled: Ledger['whenSettled'] = (sessionId, signal) =>
    new Promise((resolve, reject) => {
      const finish = (act: () => void): void => {
        unsubscribe()
        signal.removeEventListener('abort', onAbort)
        act()
      }
      const onAbort = (): void => finish(() => reject(signal.reason))
      const look = (): void => {
        viewSession(context, sessionId).then(
          view => {
            if (view.status !== 'opening') finish(() => resolve(view))
          },
          cause => finish(() => reject(cause)),
        )
      }
      const unsubscribe = onChange(change => {
        if (change.sessionId === sessionId && change.status !== 'opening') look()
      })
      if (signal.aborted) onAbort()
      else {
        signal.addEventListener('abort', onAbort)
        look()
      }
    })

  const confirmOpen: Ledger['confirmOpen'] = async (sessionId, opening) => {
    const { transaction, blockNumber, expiresAt, pricePerSecondAtomic } = opening
    await inOrder(sessionId, () =>
      db
        .update(sessionsTable)
        .set({ expiresAt, pricePerSecondAtomic })
        .where(and(eq(sessionsTable.id, sessionId), eq(sessionsTable.state, 'opening'))),
    )
    if (transaction !== null)
      await noteTransaction(sessionId, { kind: 'open', hash: transaction, blockNumber, atMs: null })
    await step(sessionId, { type: 'opened' })
  }

  const startRequest: Ledger['startRequest'] = async ({ sessionId, requestId, atMonotonicMs, readMs }) => {
    meter.start(requestId, atMonotonicMs ?? clock.monotonicMs(), readMs)
    try {
      const [known] = await db.select().from(requestsTable).where(eq(requestsTable.id, requestId))
      if (known !== undefined) return
      await step(sessionId, { type: 'request-started', requestId })
    } catch (cause) {
      meter.stop(requestId)
      throw cause
    }
  }

  const endRequest: Ledger['endRequest'] = async ({ sessionId, requestId, meteredMs, tokens, stoppedBy }) => {
    const event = { type: 'request-ended', requestId, meteredMs: Math.floor(meteredMs), tokens, stoppedBy } as const
    // The caller's reading counts, not what the clock says when the database gets to it.
    meter.stop(requestId)
    const outcome = await step(sessionId, event)
    if (outcome.step.isNews) return { costAtomic: outcome.step.costAtomic }
    const [known] = await db.select().from(requestsTable).where(eq(requestsTable.id, requestId))
    return { costAtomic: known?.costAtomic ?? 0n }
  }

  const noteApplied: Ledger['noteApplied'] = (sessionId, { epoch, rateWei, leaseUntil }) =>
    inOrder(sessionId, async () => {
      const status = await db.transaction(async tx => {
        const row = await lockSession(tx, vault, sessionId)
        const isKnown =
          epoch < row.appliedEpoch ||
          (epoch === row.appliedEpoch && row.rateWei === rateWei && row.leaseUntil === leaseUntil)
        if (isKnown || row.state === 'closed') return null
        const atMs = clock.wallMs()
        await tx
          .update(sessionsTable)
          .set({ appliedEpoch: epoch, epoch: Math.max(row.epoch, epoch), rateWei, leaseUntil, updatedAtMs: atMs })
          .where(eq(sessionsTable.id, sessionId))
        await appendEvent(tx, sessionId, 'seen-on-chain', { epoch, rateWei, leaseUntil }, atMs)
        return row.state
      })
      if (status !== null) tell({ sessionId, status, hasOrders: false })
    })

  const noteTransaction: Ledger['noteTransaction'] = async (sessionId, { kind, hash, blockNumber, atMs }) => {
    await db
      .insert(moneyTransactionsTable)
      .values({ sessionId, kind, hash: hash.toLowerCase(), blockNumber, atMs: atMs ?? clock.wallMs() })
      .onConflictDoNothing()
  }

  const unitsBook = createUnitsBook({
    db,
    clock,
    vault,
    inOrder: work => inOrder(vault, work),
    onOrdered: () => tell({ sessionId: vault, status: 'open', hasOrders: true }),
  })

  const recover: Ledger['recover'] = async () => {
    const ours = db.select({ id: sessionsTable.id }).from(sessionsTable).where(isOurs)
    const left = await db
      .select()
      .from(requestsTable)
      .where(and(isNull(requestsTable.endedAtMs), inArray(requestsTable.sessionId, ours)))
    for (const { id, sessionId, meteredMs, tokens } of left) {
      await endRequest({ sessionId, requestId: id, meteredMs, tokens, stoppedBy: 'orchestrator_restarted' })
    }
    const orphans = await db
      .select()
      .from(sessionsTable)
      .where(
        and(
          isOurs,
          eq(sessionsTable.origin, 'request'),
          inArray(sessionsTable.state, ['opening', 'open']),
          isNull(sessionsTable.closeReason),
        ),
      )
    for (const { id } of orphans) await wantClose(id, 'orchestrator_restarted')
    return { endedRequests: left.length, closingSessions: orphans.length }
  }

  const wantClose: Ledger['wantClose'] = async (sessionId, reason) => {
    await step(sessionId, { type: 'close-wanted', reason })
  }

  const onChange: Ledger['onChange'] = listener => {
    listeners.add(listener)
    return () => {
      listeners.delete(listener)
    }
  }

  return {
    terms,
    admitVoucher,
    whenSettled,
    confirmOpen,
    adopt,
    refuse: async (sessionId, reason) => {
      await step(sessionId, { type: 'refused', reason })
    },
    session,
    startRequest,
    endRequest,
    wantClose,
    renewTarget: async (sessionId, why, delayMs) => {
      await step(sessionId, { type: 'target-renewed', why }, delayMs)
    },
    noteApplied,
    confirmClosed: async (sessionId, { dueAtomic, refundedAtomic, reason }) => {
      await step(sessionId, { type: 'closed', dueAtomic, refundedAtomic, ...(reason === undefined ? {} : { reason }) })
    },
    noteTransaction,
    openBlock: sessionId => openBlockOf(db, sessionId),
    ...unitsBook,
    recover,
    view: sessionId => viewSession(context, sessionId),
    receipt: sessionId => receiptOf(context, sessionId),
    listSessions: () => listSessions(context),
    listFindings: () => listFindings(context),
    sessionsIn: states =>
      db
        .select()
        .from(sessionsTable)
        .where(and(isOurs, inArray(sessionsTable.state, [...states])))
        .orderBy(sessionsTable.createdAtMs),
    sessionsToRenew: async () => {
      const rows = await db
        .select({ id: sessionsTable.id })
        .from(sessionsTable)
        .where(
          and(
            isOurs,
            inArray(sessionsTable.state, ['streaming', 'closing']),
            lt(sessionsTable.renewAtMs, clock.wallMs() + 1),
          ),
        )
      return rows.map(({ id }) => id)
    },
    sessionNow: meter.now,
    spentNow: sessionId => {
      const now = meter.now(sessionId)
      return now === null ? null : spentAtomic(now)
    },
    onChange,
  }
}
