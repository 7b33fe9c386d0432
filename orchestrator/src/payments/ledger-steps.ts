/**
 * One step of a session inside one SQL transaction: the row is locked, the pure machine decides, and the new state, the event and
 * the outbox rows are written together or not at all. It knows neither chain nor keeper.
 */
import { createHash } from 'node:crypto'
import { ComputePoolError } from '@computepool/shared/errors'
import { type MoneySession, type SessionEvent, type SessionStep, stepSession } from '@computepool/shared/money'
import { and, eq, isNull, lt, sql } from 'drizzle-orm'
import type { Database } from '../store/database.ts'
import {
  outboxTable,
  type RequestRow,
  requestsTable,
  type SessionRow,
  sessionEventsTable,
  sessionsTable,
} from '../store/ledger-tables.ts'
import { readRunning } from './live-meter.ts'

export interface StepOptions {
  /** Lower case. */
  readonly vault: string
  readonly sessionId: string
  readonly event: SessionEvent
  readonly atMs: number
  /** Before which its orders are not sent. */
  readonly delayMs?: number
  readonly leaseSeconds: number
  readonly readMs: (requestId: string) => number | null
}

export interface StepOutcome {
  readonly row: SessionRow
  readonly step: SessionStep
}

/** Errors: `payment_session_unknown`, and those of `stepSession`. */
export async function stepInLedger(db: Database, options: StepOptions): Promise<StepOutcome> {
  return db.transaction(async tx => {
    const row = await lockSession(tx, options.vault, options.sessionId)
    const running = await runningOf(tx, row.id)
    const session = readRunning(sessionOfRow(row, running), options.readMs)
    const step = stepSession(session, options.event)
    if (!step.isNews) return { row, step }
    const written = await writeStep(tx, row, step, options)
    return { row: written, step }
  })
}

export async function lockSession(tx: Database, vault: string, sessionId: string): Promise<SessionRow> {
  const isIt = and(eq(sessionsTable.id, sessionId), eq(sessionsTable.vault, vault))
  const [row] = await tx.select().from(sessionsTable).where(isIt).for('update')
  if (row === undefined) throw unknownSession(sessionId)
  return row
}

export const unknownSession = (sessionId: string): ComputePoolError =>
  new ComputePoolError('payment_session_unknown', `There is no session ${sessionId}.`, {
    remedy: 'Open one with POST /v1/sessions.',
  })

export function runningOf(db: Database, sessionId: string): Promise<RequestRow[]> {
  return db
    .select()
    .from(requestsTable)
    .where(and(eq(requestsTable.sessionId, sessionId), isNull(requestsTable.endedAtMs)))
    .orderBy(requestsTable.startedAtMs, requestsTable.id)
}

export function sessionOfRow(row: SessionRow, running: readonly RequestRow[]): MoneySession {
  return {
    status: row.state,
    origin: row.origin,
    capAtomic: row.capAtomic,
    pricePerSecondAtomic: row.pricePerSecondAtomic,
    settledAtomic: row.settledAtomic,
    dueAtomic: row.dueAtomic,
    refundedAtomic: row.refundedAtomic,
    epoch: row.epoch,
    running: running.map(({ id, meteredMs }) => ({ requestId: id, meteredMs })),
    closeReason: row.closeReason ?? row.refuseReason,
  }
}

async function writeStep(tx: Database, row: SessionRow, step: SessionStep, options: StepOptions): Promise<SessionRow> {
  const { event, atMs } = options
  const { session } = step
  const isOver = session.status === 'closed' || session.status === 'refused'
  const streams = session.running.length > 0 && !isOver
  const [written] = await tx
    .update(sessionsTable)
    .set({
      state: session.status,
      settledAtomic: session.settledAtomic,
      runningRequests: session.running.length,
      epoch: session.epoch,
      dueAtomic: session.dueAtomic,
      refundedAtomic: session.refundedAtomic,
      closeReason: session.status === 'refused' ? null : session.closeReason,
      refuseReason: session.status === 'refused' ? session.closeReason : null,
      // Its signature has done its work.
      ...(session.status === 'opening' ? {} : { voucher: null }),
      ...(isOver ? { rateWei: 0n, leaseUntil: null, renewAtMs: null } : {}),
      ...(step.orders.length > 0 ? { renewAtMs: streams ? atMs + renewAfterMs(options.leaseSeconds) : null } : {}),
      updatedAtMs: atMs,
    })
    .where(eq(sessionsTable.id, row.id))
    .returning()
  await writeRequests(tx, row.id, step, event, atMs)
  for (const order of step.orders) {
    await insertOrder(tx, {
      kind: order.kind,
      subject: row.id,
      sessionId: row.id,
      epoch: order.epoch,
      atMs,
      delayMs: options.delayMs ?? 0,
      payload:
        order.kind === 'set'
          ? { rateAtomic: String(order.rateAtomic), dueAtomic: String(order.dueAtomic) }
          : { dueAtomic: String(order.dueAtomic) },
    })
  }
  await appendEvent(tx, row.id, event.type, { ...event, epoch: session.epoch, costAtomic: step.costAtomic }, atMs)
  return written!
}

/** A lease is renewed after a third of it, so that one renewal may fail without the stream stopping. */
const renewAfterMs = (leaseSeconds: number): number => Math.floor((leaseSeconds * 1000) / 3)

async function writeRequests(
  tx: Database,
  sessionId: string,
  step: SessionStep,
  event: SessionEvent,
  atMs: number,
): Promise<void> {
  if (event.type === 'request-started') {
    await tx.insert(requestsTable).values({ id: event.requestId, sessionId, startedAtMs: atMs })
  }
  if (event.type === 'request-ended') {
    await tx
      .update(requestsTable)
      .set({
        endedAtMs: atMs,
        meteredMs: sql`greatest(${requestsTable.meteredMs}, ${event.meteredMs})`,
        costAtomic: step.costAtomic,
        tokens: event.tokens,
        stoppedBy: event.stoppedBy,
      })
      .where(eq(requestsTable.id, event.requestId))
  }
  // What the chain is told must be found again after a crash.
  if (step.orders.length === 0) return
  for (const { requestId, meteredMs } of step.session.running) {
    await tx.update(requestsTable).set({ meteredMs }).where(eq(requestsTable.id, requestId))
  }
}

export async function appendEvent(
  tx: Database,
  sessionId: string,
  type: string,
  data: Readonly<Record<string, unknown>>,
  atMs: number,
): Promise<void> {
  const plain = JSON.parse(JSON.stringify(data, (_key, value) => (typeof value === 'bigint' ? String(value) : value)))
  await tx.insert(sessionEventsTable).values({
    sessionId,
    seq: sql`(SELECT coalesce(max(seq), 0) + 1 FROM session_events WHERE session_id = ${sessionId})`,
    atMs,
    type,
    data: plain,
  })
}

export interface NewOrder {
  readonly kind: 'open' | 'set' | 'close' | 'units'
  /** The session's id, or the vault's address for units. */
  readonly subject: string
  readonly sessionId: string | null
  readonly epoch: number
  readonly atMs: number
  readonly delayMs?: number
  readonly payload: Readonly<Record<string, unknown>>
}

/** Puts an order into the outbox; what waits there for the same subject and is older need not be sent any more. */
export async function insertOrder(tx: Database, order: NewOrder): Promise<void> {
  const { kind, subject, sessionId, epoch, atMs, delayMs = 0, payload } = order
  if (kind !== 'open') {
    await tx
      .update(outboxTable)
      .set({ status: 'superseded', doneAtMs: atMs })
      .where(
        and(
          eq(outboxTable.subject, subject),
          eq(outboxTable.status, 'waiting'),
          lt(outboxTable.epoch, epoch),
          sql`${outboxTable.kind} <> 'open'`,
        ),
      )
  }
  await tx.insert(outboxTable).values({
    kind,
    subject,
    sessionId,
    epoch,
    idempotencyKey: idempotencyKey(subject, kind, epoch),
    status: 'waiting',
    payload,
    nextAtMs: atMs + delayMs,
    createdAtMs: atMs,
  })
}

/** sha256(subject ‖ transition ‖ epoch), hex. */
export function idempotencyKey(subject: string, transition: string, epoch: number): string {
  return createHash('sha256').update(`${subject}\n${transition}\n${epoch}`).digest('hex')
}
