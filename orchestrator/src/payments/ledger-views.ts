/** The ledger as the API tells it: a session, its receipt, lists for the owner. It reads, and changes nothing. */
import { type Finding, type Receipt, type SessionView, sessionDueAtomic, weiPerAtomic } from '@computepool/shared/money'
import { and, desc, eq, isNull, or, sum } from 'drizzle-orm'
import type { Database } from '../store/database.ts'
import { disputesTable } from '../store/dispute-tables.ts'
import {
  findingsTable,
  moneyTransactionsTable,
  requestsTable,
  type SessionRow,
  sessionsTable,
} from '../store/ledger-tables.ts'
import { getFact, vaultFact } from './ledger-facts.ts'
import { runningOf, sessionOfRow, unknownSession } from './ledger-steps.ts'
import { readRunning } from './live-meter.ts'

export interface ViewContext {
  readonly db: Database
  /** Lower case; sessions of another are unknown. */
  readonly vault: string
  readonly bufferSeconds: number
  readonly nowMs: () => number
  readonly readMs: (requestId: string) => number | null
}

const mostListed = 200

/** Errors: `payment_session_unknown`. */
export async function viewSession(context: ViewContext, sessionId: string): Promise<SessionView> {
  const isIt = and(eq(sessionsTable.id, sessionId), eq(sessionsTable.vault, context.vault))
  const [row] = await context.db.select().from(sessionsTable).where(isIt)
  if (row === undefined) throw unknownSession(sessionId)
  return viewOf(context, row)
}

async function viewOf(context: ViewContext, row: SessionRow): Promise<SessionView> {
  const { db, bufferSeconds, nowMs, readMs } = context
  const running = row.runningRequests === 0 ? [] : await runningOf(db, row.id)
  const session = readRunning(sessionOfRow(row, running), readMs)
  const spentAtomic = sessionDueAtomic(session)
  const transactions =
    row.state === 'opening' || row.state === 'refused'
      ? []
      : await db
          .select({ kind: moneyTransactionsTable.kind, hash: moneyTransactionsTable.hash })
          .from(moneyTransactionsTable)
          .where(eq(moneyTransactionsTable.sessionId, row.id))
          .orderBy(moneyTransactionsTable.id)
  const hashOf = (kinds: readonly string[]): string | null =>
    transactions.findLast(({ kind }) => kinds.includes(kind))?.hash ?? null
  const bufferWei = row.rateWei * BigInt(bufferSeconds)
  return {
    id: row.id,
    payer: row.payer,
    status: row.state,
    capAtomic: row.capAtomic,
    spentAtomic,
    refundableAtomic: row.state === 'refused' ? 0n : (row.refundedAtomic ?? row.capAtomic - spentAtomic),
    pricePerSecondAtomic: row.pricePerSecondAtomic,
    runningRequests: row.runningRequests,
    rateWei: row.rateWei,
    // Rounded up: what is locked is never told too small.
    bufferAtomic: (bufferWei + weiPerAtomic - 1n) / weiPerAtomic,
    leaseUntil: row.leaseUntil,
    expiresAt: row.expiresAt,
    openTransaction: hashOf(['open']),
    closeTransaction: row.state === 'closed' ? hashOf(['close', 'reap']) : null,
    atMs: nowMs(),
  }
}

/** Errors: `payment_session_unknown`. */
export async function receiptOf(context: ViewContext, sessionId: string): Promise<Receipt> {
  const session = await viewSession(context, sessionId)
  const requests = await context.db
    .select()
    .from(requestsTable)
    .where(eq(requestsTable.sessionId, sessionId))
    .orderBy(requestsTable.startedAtMs, requestsTable.id)
  const transactions = await context.db
    .select()
    .from(moneyTransactionsTable)
    .where(eq(moneyTransactionsTable.sessionId, sessionId))
    .orderBy(moneyTransactionsTable.id)
  return {
    session,
    requests: requests.map(request => ({
      requestId: request.id,
      startedAtMs: request.startedAtMs,
      meteredMs: request.endedAtMs === null ? (context.readMs(request.id) ?? request.meteredMs) : request.meteredMs,
      costAtomic: request.costAtomic,
      tokens: request.tokens,
      stoppedBy: request.stoppedBy,
    })),
    paidAtomic: session.spentAtomic,
    refundedAtomic: session.status === 'closed' ? session.refundableAtomic : 0n,
    ...(await repaidBySlash(context, sessionId)),
    transactions: transactions.map(({ kind, hash, blockNumber, atMs }) => ({ kind, hash, blockNumber, atMs })),
  }
}

/** Out of stakes of operators that were found guilty over this session; nothing where none was. */
async function repaidBySlash({ db, vault }: ViewContext, sessionId: string): Promise<Partial<Receipt>> {
  const table = disputesTable
  const [row] = await db
    .select({ atomic: sum(table.payerAtomic) })
    .from(table)
    .where(and(eq(table.vault, vault), eq(table.sessionId, sessionId)))
  const refundedBySlashAtomic = BigInt(row?.atomic ?? 0)
  return refundedBySlashAtomic === 0n ? {} : { refundedBySlashAtomic }
}

/** Block of the session's opening; null where it was not seen. */
export async function openBlockOf(db: Database, sessionId: string): Promise<number | null> {
  const table = moneyTransactionsTable
  const [row] = await db
    .select({ blockNumber: table.blockNumber })
    .from(table)
    .where(and(eq(table.sessionId, sessionId), eq(table.kind, 'open')))
  return row?.blockNumber ?? null
}

/** Newest first, at most 200. */
export async function listSessions(context: ViewContext): Promise<SessionView[]> {
  const rows = await context.db
    .select()
    .from(sessionsTable)
    .where(eq(sessionsTable.vault, context.vault))
    .orderBy(desc(sessionsTable.createdAtMs))
    .limit(mostListed)
  const views: SessionView[] = []
  for (const row of rows) views.push(await viewOf(context, row))
  return views
}

/** Newest first, at most 200; with those of no known vault. */
export async function listFindings({
  db,
  vault,
}: ViewContext): Promise<{ lastCheckAtMs: number | null; findings: Finding[] }> {
  const rows = await db
    .select()
    .from(findingsTable)
    .where(or(eq(findingsTable.vault, vault), isNull(findingsTable.vault)))
    .orderBy(desc(findingsTable.id))
    .limit(mostListed)
  const last = await getFact<{ atMs?: unknown }>(db, vaultFact('last-check', vault))
  const at = last?.atMs
  return {
    lastCheckAtMs: typeof at === 'number' ? at : null,
    findings: rows.map(({ law, trouble: _trouble, vault: _vault, ...row }) => ({ ...row, check: law })),
  }
}
