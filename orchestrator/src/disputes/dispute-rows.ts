/** The disputes in the database: recorded once, moved on step by step. It knows no chain. */
import { and, desc, eq, inArray, lte, notInArray, sql } from 'drizzle-orm'
import type { Database } from '../store/database.ts'
import { type DisputeRow, type DisputeTransaction, disputesTable } from '../store/dispute-tables.ts'
import { requestsTable, sessionsTable } from '../store/ledger-tables.ts'
import type { Breach } from './dispute-ports.ts'

const unfinished = ['accusing', 'open', 'decided', 'settled'] as const
const mostListed = 200

export type DisputeChange = Partial<Omit<DisputeRow, 'id' | 'vault' | 'accused'>>

export interface RecordedAt {
  /** Null: unknown. */
  readonly registry: string | null
  readonly isToBeAccused: boolean
}

export interface DisputeRows {
  /** The paid session that the attempt was of; null: none that the ledger knows by now. */
  sessionOf(requestId: string): Promise<string | null>
  /** False where this breach is recorded already. */
  record(breach: Breach, at: RecordedAt, nowMs: number): Promise<boolean>
  /** Unfinished ones whose time has come, oldest first. */
  due(nowMs: number, without: readonly number[]): Promise<DisputeRow[]>
  find(id: number): Promise<DisputeRow | null>
  /** Newest first, at most 200. */
  list(): Promise<DisputeRow[]>
  change(id: number, change: DisputeChange, nowMs: number): Promise<void>
  /** The same transaction is written down once. */
  noteTransaction(id: number, transaction: DisputeTransaction): Promise<void>
  postpone(id: number, nextAtMs: number, error: string): Promise<void>
  figures(): Promise<{ open: number; slashed: number }>
}

export function createDisputeRows(db: Database, vaultAddress: string): DisputeRows {
  const vault = vaultAddress.toLowerCase()
  const table = disputesTable
  const isOurs = eq(table.vault, vault)
  const sessionOf = async (requestId: string): Promise<string | null> => {
    const [row] = await db
      .select({ id: sessionsTable.id })
      .from(requestsTable)
      .innerJoin(sessionsTable, eq(sessionsTable.id, requestsTable.sessionId))
      .where(and(eq(requestsTable.id, requestId), eq(sessionsTable.vault, vault)))
    return row?.id ?? null
  }
  return {
    sessionOf,
    record: async ({ operator, what: reason, requestId, members, evidence }, { registry, isToBeAccused }, nowMs) => {
      const sessionId = await sessionOf(requestId)
      const made = await db
        .insert(table)
        .values({
          ...{ vault, accused: operator.toLowerCase(), reason, requestId, sessionId },
          ...{ evidenceSha256: evidence.sha256, evidencePath: evidence.path },
          ...{ registry, members: members.map(member => member.toLowerCase()) },
          state: isToBeAccused ? 'accusing' : 'recorded',
          note: isToBeAccused ? null : 'This pool accuses nobody: it asks for no stake, or has no accuser’s key.',
          ...{ nextAtMs: nowMs, createdAtMs: nowMs, updatedAtMs: nowMs },
        })
        .onConflictDoNothing()
        .returning({ id: table.id })
      return made.length > 0
    },
    due: (nowMs, without) =>
      db
        .select()
        .from(table)
        .where(
          and(
            isOurs,
            inArray(table.state, [...unfinished]),
            lte(table.nextAtMs, nowMs),
            without.length === 0 ? undefined : notInArray(table.id, [...without]),
          ),
        )
        .orderBy(table.id)
        .limit(16),
    find: async id => {
      const [row] = await db
        .select()
        .from(table)
        .where(and(isOurs, eq(table.id, id)))
      return row ?? null
    },
    list: () => db.select().from(table).where(isOurs).orderBy(desc(table.id)).limit(mostListed),
    change: async (id, change, nowMs) => {
      await db
        .update(table)
        .set({ attempts: 0, lastError: null, ...change, updatedAtMs: nowMs })
        .where(eq(table.id, id))
    },
    noteTransaction: async (id, transaction) => {
      const one = JSON.stringify([transaction])
      await db
        .update(table)
        .set({
          transactions: sql`CASE WHEN ${table.transactions} @> ${one}::jsonb THEN ${table.transactions} ELSE ${table.transactions} || ${one}::jsonb END`,
        })
        .where(eq(table.id, id))
    },
    postpone: async (id, nextAtMs, error) => {
      await db
        .update(table)
        .set({ attempts: sql`${table.attempts} + 1`, nextAtMs, lastError: error.slice(0, 1000) })
        .where(eq(table.id, id))
    },
    figures: async () => {
      const [row] = await db
        .select({
          open: sql<number>`count(*) FILTER (WHERE ${table.state} IN ('accusing', 'open'))::int`,
          slashed: sql<number>`count(*) FILTER (WHERE ${table.slashedAtomic} > 0)::int`,
        })
        .from(table)
        .where(isOurs)
      return { open: row?.open ?? 0, slashed: row?.slashed ?? 0 }
    },
  }
}
