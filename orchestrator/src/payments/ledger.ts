/**
 * The book of money: every session, request and order to the chain, in one SQL transaction each. It knows no HTTP, no chain and no
 * keeper; the outbox carries its orders out and tells it what the chain says.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import type {
  Finding,
  MemberUnits,
  MoneySession,
  MoneyTransaction,
  Receipt,
  SessionEvent,
  SessionStatus,
  SessionView,
} from '@computepool/shared/money'
import type { Clock } from '@computepool/shared/ports'
import { and, desc, eq, inArray, isNull, lt } from 'drizzle-orm'
import type { Hex } from 'viem'
import type { Database } from '../store/database.ts'
import {
  moneyTransactionsTable,
  requestsTable,
  type SessionRow,
  sessionsTable,
  unitSetsTable,
} from '../store/ledger-tables.ts'
import { appendEvent, insertOrder, lockSession, sessionOfRow, stepInLedger } from './ledger-steps.ts'
import {
  listFindings,
  listSessions,
  receiptOf,
  requestEarnings,
  type ViewContext,
  viewSession,
} from './ledger-views.ts'
import { createLiveMeter, msUntilCap, spentAtomic } from './live-meter.ts'
import { sessionIdOf } from './voucher.ts'

export interface LedgerTerms {
  readonly vault: string
  readonly leaseSeconds: number
  /** Superfluid's liquidation period. */
  readonly bufferSeconds: number
  /** How long the vault lets a session live; until the chain has told its own figure. */
  readonly sessionSeconds: number
}

export interface LedgerOptions {
  readonly db: Database
  readonly clock: Clock
  readonly terms: LedgerTerms
}

export interface VoucherAdmission {
  readonly payer: Hex
  readonly nonce: Hex
  readonly capAtomic: bigint
  /** Unix seconds. */
  readonly validBefore: number
  /** Whatever the settler needs to settle it; plain JSON, erased once it is open or refused. */
  readonly voucher: unknown
  readonly origin: 'session' | 'request'
  readonly pricePerSecondAtomic: bigint
}

export interface ChainOpening {
  /** Null where the opening was found on the chain, not made by us. */
  readonly transaction: Hex | null
  readonly blockNumber: number | null
  /** As the vault recorded them. */
  readonly expiresAt: number
  readonly pricePerSecondAtomic: bigint
}

export interface RequestEnd {
  readonly sessionId: string
  readonly requestId: string
  /** From the entry's `request-flowing` to the end; whole milliseconds. */
  readonly meteredMs: number
  readonly tokens: number
  /** `stop`, `length`, `cap`, `disconnect`, `failure`, … */
  readonly stoppedBy: string
}

export interface UnitsOptions {
  /** The chain's own epoch, where it is ahead of the ledger. */
  readonly aboveEpoch?: number
  /** Also where nothing differs: the last order failed. */
  readonly isForced?: boolean
  readonly delayMs?: number
}

export interface LedgerChange {
  readonly sessionId: string
  readonly status: SessionStatus
  /** True where an order went into the outbox. */
  readonly hasOrders: boolean
}

export interface Ledger {
  readonly terms: LedgerTerms
  /**
   * Writes the voucher down before any work: one (payer, nonce) is one session, whatever is retried or raced. Known already: the same
   * session, `isNew` false. Errors: `payment_voucher_conflict` where the same nonce came with other terms.
   */
  admitVoucher(admission: VoucherAdmission): Promise<{ session: SessionRow; isNew: boolean }>
  /** Resolves once the session has left `opening`. Rejects with the signal's reason. */
  whenSettled(sessionId: string, signal: AbortSignal): Promise<SessionView>
  confirmOpen(sessionId: string, opening: ChainOpening): Promise<void>
  refuse(sessionId: string, reason: string): Promise<void>
  /** Null where there is none. */
  session(sessionId: string): Promise<SessionRow | null>
  /**
   * The first activation left the entry: the meter runs and the stream is ordered. `atMonotonicMs` (the clock's) is that moment.
   * Errors: `payment_session_{unknown,opening,closed,full}`, `payment_cap_reached`.
   */
  startRequest(start: { sessionId: string; requestId: string; atMonotonicMs?: number }): Promise<void>
  /** Idempotent. A request that never started costs nothing. */
  endRequest(end: RequestEnd): Promise<{ costAtomic: bigint }>
  /** Idempotent; what runs must be stopped by the caller, and the last `endRequest` orders the close. */
  wantClose(sessionId: string, reason: string): Promise<void>
  /** The same absolute target under a new epoch. */
  renewTarget(sessionId: string, why: string, delayMs?: number): Promise<void>
  /** The last units again under a new epoch. */
  renewUnits(delayMs?: number, aboveEpoch?: number): Promise<void>
  /** What the chain was seen to do with this session. */
  noteApplied(sessionId: string, seen: { epoch: number; rateWei: bigint; leaseUntil: number | null }): Promise<void>
  confirmClosed(sessionId: string, seen: { dueAtomic: bigint; refundedAtomic: bigint }): Promise<void>
  noteTransaction(sessionId: string | null, transaction: MoneyTransaction): Promise<void>
  /** Orders the pool's members, where they differ from the last ones; null where they do not. */
  setUnits(members: readonly MemberUnits[], options?: UnitsOptions): Promise<number | null>
  units(): Promise<{ epoch: number; members: readonly MemberUnits[] } | null>
  /**
   * After a start: what ran when the last process died is ended at its last reading, and sessions of one request are closed. Call it
   * before anything else.
   */
  recover(): Promise<{ endedRequests: number; closingSessions: number }>
  view(sessionId: string): Promise<SessionView>
  receipt(sessionId: string): Promise<Receipt>
  listSessions(): Promise<SessionView[]>
  listFindings(): Promise<{ lastCheckAtMs: number | null; findings: Finding[] }>
  earnings(operator: string): Promise<{ requestId: string; atMs: number; amountWei: bigint }[]>
  /** Sessions in these states, oldest first. */
  sessionsIn(states: readonly SessionStatus[]): Promise<SessionRow[]>
  /** Running sessions whose lease is due for renewal. */
  sessionsToRenew(): Promise<string[]>
  /** In memory, for the token path: what is spent by now; null where this process has not touched the session. */
  spentNow(sessionId: string): bigint | null
  /** Milliseconds until the cap at the present number of running requests; null where nothing runs. */
  msUntilCap(sessionId: string): number | null
  /** After each committed change. Returns the way to stop listening. */
  onChange(listener: (change: LedgerChange) => void): () => void
}

export function createLedger({ db, clock, terms }: LedgerOptions): Ledger {
  const vault = terms.vault.toLowerCase()
  const meter = createLiveMeter(clock)
  const listeners = new Set<(change: LedgerChange) => void>()
  const queues = new Map<string, Promise<unknown>>()
  const context: ViewContext = {
    db,
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
      const options = { sessionId, event, atMs: clock.wallMs(), delayMs, leaseSeconds, readMs: meter.readMs }
      const outcome = await stepInLedger(db, options)
      remember(sessionId, outcome.step.session)
      if (outcome.step.isNews) {
        tell({ sessionId, status: outcome.step.session.status, hasOrders: outcome.step.orders.length > 0 })
      }
      return outcome
    })

  const session = async (sessionId: string): Promise<SessionRow | null> => {
    const [row] = await db.select().from(sessionsTable).where(eq(sessionsTable.id, sessionId.toLowerCase()))
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
    if (known === null) throw new ComputePoolError('bug_unreachable_state', `Session ${id} is neither new nor known.`)
    if (known.capAtomic !== admission.capAtomic || known.vault !== vault || known.origin !== admission.origin) {
      throw new ComputePoolError('payment_voucher_conflict', 'This voucher already opened a session on other terms.', {
        remedy: 'Sign a new voucher.',
        context: { sessionId: id },
      })
    }
    return { session: known, isNew: false }
  }

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

  const startRequest: Ledger['startRequest'] = async ({ sessionId, requestId, atMonotonicMs }) => {
    meter.start(requestId, atMonotonicMs ?? clock.monotonicMs())
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
        const row = await lockSession(tx, sessionId)
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

  const units: Ledger['units'] = async () => {
    const [last] = await db
      .select()
      .from(unitSetsTable)
      .where(eq(unitSetsTable.vault, vault))
      .orderBy(desc(unitSetsTable.epoch))
      .limit(1)
    return last === undefined ? null : { epoch: last.epoch, members: last.members as MemberUnits[] }
  }

  const setUnits: Ledger['setUnits'] = (members, { aboveEpoch = 0, isForced = false, delayMs = 0 } = {}) =>
    inOrder(vault, async () => {
      const wanted = [...members]
        .map(({ member, units: count }) => ({ member: member.toLowerCase(), units: count }))
        .sort((a, b) => (a.member < b.member ? -1 : 1))
      const last = await units()
      const isSame = last !== null && JSON.stringify(normal(last.members)) === JSON.stringify(normal(wanted))
      if (isSame && !isForced) return null
      const epoch = Math.max(last?.epoch ?? 0, aboveEpoch) + 1
      const atMs = clock.wallMs()
      await db.transaction(async tx => {
        await tx.insert(unitSetsTable).values({ vault, epoch, members: wanted, atMs })
        await insertOrder(tx, {
          kind: 'units',
          subject: vault,
          sessionId: null,
          epoch,
          atMs,
          delayMs,
          payload: { members: wanted },
        })
      })
      tell({ sessionId: vault, status: 'open', hasOrders: true })
      return epoch
    })

  const recover: Ledger['recover'] = async () => {
    const left = await db.select().from(requestsTable).where(isNull(requestsTable.endedAtMs))
    for (const { id, sessionId, meteredMs, tokens } of left) {
      await endRequest({ sessionId, requestId: id, meteredMs, tokens, stoppedBy: 'orchestrator_restarted' })
    }
    const orphans = await db
      .select()
      .from(sessionsTable)
      .where(
        and(
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
    renewUnits: async (delayMs = 0, aboveEpoch = 0) => {
      const last = await units()
      if (last !== null) await setUnits(last.members, { isForced: true, delayMs, aboveEpoch })
    },
    noteApplied,
    confirmClosed: async (sessionId, { dueAtomic, refundedAtomic }) => {
      await step(sessionId, { type: 'closed', dueAtomic, refundedAtomic })
    },
    noteTransaction,
    setUnits,
    units,
    recover,
    view: sessionId => viewSession(context, sessionId),
    receipt: sessionId => receiptOf(context, sessionId),
    listSessions: () => listSessions(context),
    listFindings: () => listFindings(db),
    earnings: operator => requestEarnings(db, vault, operator),
    sessionsIn: states =>
      db
        .select()
        .from(sessionsTable)
        .where(inArray(sessionsTable.state, [...states]))
        .orderBy(sessionsTable.createdAtMs),
    sessionsToRenew: async () => {
      const rows = await db
        .select({ id: sessionsTable.id })
        .from(sessionsTable)
        .where(
          and(inArray(sessionsTable.state, ['streaming', 'closing']), lt(sessionsTable.renewAtMs, clock.wallMs() + 1)),
        )
      return rows.map(({ id }) => id)
    },
    spentNow: sessionId => {
      const now = meter.now(sessionId)
      return now === null ? null : spentAtomic(now)
    },
    msUntilCap: sessionId => {
      const now = meter.now(sessionId)
      return now === null ? null : msUntilCap(now)
    },
    onChange,
  }
}

const normal = (members: readonly MemberUnits[]): [string, number][] =>
  members.map(({ member, units }) => [member, units])
