/** The outbox's rows in the database: taken, sent, done. It knows no chain and no keeper. */
import { and, asc, desc, eq, gt, inArray, lte, notInArray, or, type SQL, sql } from 'drizzle-orm'
import type { Database } from '../store/database.ts'
import { findingsTable, type OutboxRow, outboxTable, sessionsTable } from '../store/ledger-tables.ts'

const unfinished = ['waiting', 'claimed', 'submitted'] as const

export interface OutboxRows {
  /** Unfinished rows whose time has come, without those that are under way; oldest first. */
  due(nowMs: number, limit: number, underWay: readonly number[]): Promise<OutboxRow[]>
  /** Null where somebody superseded it meanwhile. What is sent stays the same at every later try. */
  claim(id: number, sent: Record<string, unknown>): Promise<OutboxRow | null>
  submitted(id: number, executionId: string): Promise<void>
  finish(id: number, status: 'done' | 'superseded' | 'failed', nowMs: number, error?: string): Promise<void>
  /** Tries again later, under the same key. */
  postpone(id: number, nextAtMs: number, error: string): Promise<void>
  /** True while an order of this subject is on its way. */
  isBusy(subject: string): Promise<boolean>
  hasNewer(row: OutboxRow): Promise<boolean>
  /** Failures of this subject in a row. */
  failuresInARow(subject: string): Promise<number>
  /** The oldest unfinished row's making; null where none waits. */
  oldestMs(): Promise<number | null>
}

/** Orders of one vault: another model's vault may have left its own in the same database. `vault` in lower case. */
export function areOrdersOf(db: Database, vault: string): SQL | undefined {
  const sessions = db.select({ id: sessionsTable.id }).from(sessionsTable).where(eq(sessionsTable.vault, vault))
  return or(eq(outboxTable.subject, vault), inArray(outboxTable.sessionId, sessions))
}

export function createOutboxRows(db: Database, vaultAddress: string): OutboxRows {
  const vault = vaultAddress.toLowerCase()
  const table = outboxTable
  const isOurs = areOrdersOf(db, vault)
  return {
    due: (nowMs, limit, underWay) =>
      db
        .select()
        .from(table)
        .where(
          and(
            inArray(table.status, [...unfinished]),
            isOurs,
            lte(table.nextAtMs, nowMs),
            underWay.length === 0 ? undefined : notInArray(table.id, [...underWay]),
          ),
        )
        .orderBy(asc(table.id))
        .limit(limit),
    claim: async (id, sent) => {
      const [row] = await db
        .update(table)
        .set({ status: 'claimed', sent: sql`coalesce(${table.sent}, ${JSON.stringify(sent)}::jsonb)` })
        .where(and(eq(table.id, id), inArray(table.status, ['waiting', 'claimed'])))
        .returning()
      return row ?? null
    },
    submitted: async (id, executionId) => {
      await db.update(table).set({ status: 'submitted', executionId }).where(eq(table.id, id))
    },
    finish: async (id, status, nowMs, error) => {
      await db
        .update(table)
        .set({ status, doneAtMs: nowMs, ...(error === undefined ? {} : { lastError: error.slice(0, 1000) }) })
        .where(eq(table.id, id))
    },
    postpone: async (id, nextAtMs, error) => {
      await db
        .update(table)
        .set({
          // Back to waiting, so that a newer target may supersede it; a run that was submitted is looked at again.
          status: sql`CASE WHEN ${table.executionId} IS NULL THEN 'waiting' ELSE ${table.status} END`,
          attempts: sql`${table.attempts} + 1`,
          nextAtMs,
          lastError: error.slice(0, 1000),
        })
        .where(eq(table.id, id))
    },
    isBusy: async subject => {
      const [row] = await db
        .select({ id: table.id })
        .from(table)
        .where(and(eq(table.subject, subject), inArray(table.status, [...unfinished])))
        .limit(1)
      return row !== undefined
    },
    hasNewer: async row => {
      const [newer] = await db
        .select({ id: table.id })
        .from(table)
        .where(and(eq(table.subject, row.subject), gt(table.epoch, row.epoch), inArray(table.status, [...unfinished])))
        .limit(1)
      return newer !== undefined
    },
    failuresInARow: async subject => {
      const rows = await db
        .select({ status: table.status })
        .from(table)
        .where(and(eq(table.subject, subject), inArray(table.status, ['done', 'failed'])))
        .orderBy(desc(table.epoch), desc(table.id))
        .limit(64)
      const firstDone = rows.findIndex(({ status }) => status === 'done')
      return firstDone === -1 ? rows.length : firstDone
    },
    oldestMs: async () => {
      const [row] = await db
        .select({ at: sql<string | null>`min(${table.createdAtMs})` })
        .from(table)
        .where(and(inArray(table.status, [...unfinished]), isOurs))
      return row?.at === null || row?.at === undefined ? null : Number(row.at)
    },
  }
}

export type FindingLaw = (typeof findingsTable.$inferSelect)['law']

export interface Trouble {
  /** The same words for the same trouble: it is written down once. */
  readonly trouble: string
  readonly law: FindingLaw
  readonly message: string
  readonly remedy: string
  readonly sessionId?: string | null
}

export interface FindingBook {
  /** Once for as long as it stays. */
  open(trouble: Trouble, nowMs: number): Promise<void>
  /** Found and mended in one go. */
  repaired(trouble: Trouble, nowMs: number): Promise<void>
  /** Over: an open one becomes repaired. */
  resolve(trouble: string, nowMs: number): Promise<void>
  /** What is open, and since when. */
  openTroubles(): Promise<ReadonlyMap<string, number>>
}

/** Of one vault: what is found of another is not ours to resolve. */
export function createFindingBook(db: Database, vaultAddress: string): FindingBook {
  const vault = vaultAddress.toLowerCase()
  const table = findingsTable
  return {
    open: async ({ sessionId = null, ...trouble }, nowMs) => {
      await db
        .insert(table)
        .values({ ...trouble, vault, sessionId, atMs: nowMs, status: 'open' })
        .onConflictDoNothing()
    },
    repaired: async ({ sessionId = null, ...trouble }, nowMs) => {
      await db.insert(table).values({ ...trouble, vault, sessionId, atMs: nowMs, status: 'repaired' })
    },
    resolve: async (trouble, nowMs) => {
      await db
        .update(table)
        .set({ status: 'repaired', atMs: nowMs })
        .where(and(eq(table.vault, vault), eq(table.trouble, trouble), eq(table.status, 'open')))
    },
    openTroubles: async () => {
      const rows = await db
        .select({ trouble: table.trouble, atMs: table.atMs })
        .from(table)
        .where(and(eq(table.vault, vault), eq(table.status, 'open')))
      return new Map(rows.map(({ trouble, atMs }) => [trouble, atMs]))
    },
  }
}
