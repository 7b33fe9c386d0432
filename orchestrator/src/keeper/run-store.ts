/**
 * The keeper's books: runs, their steps and transactions, and the keys under which runs were asked for. It writes and reads rows and
 * decides nothing; a run is known from here alone after a kill.
 */
import { createHash } from 'node:crypto'
import { and, asc, desc, eq, isNull, lt, notExists, sql } from 'drizzle-orm'
import type { Database } from '../store/database.ts'
import {
  type KeeperRunRow,
  type KeeperStepRow,
  type KeeperTransactionRow,
  keeperDefinitionsTable,
  keeperKeysTable,
  keeperRunsTable,
  keeperStepsTable,
  keeperTransactionsTable,
} from '../store/keeper-tables.ts'

/** One performance of a node in a run. */
export interface StepKey {
  readonly runId: string
  readonly nodeId: string
  /** Position in a loop; -1 outside one. */
  readonly iteration: number
}

export interface NewRun {
  readonly id: string
  readonly workflowId: string
  readonly digest: string
  readonly startedBy: 'manual' | 'schedule'
  readonly input: string
  readonly key: string
  readonly createdAtMs: number
}

export type Begun =
  | { readonly kind: 'new' | 'known'; readonly run: KeeperRunRow }
  | { readonly kind: 'conflict'; readonly runId: string }

/** The pool's own, where a keeper serves several. */
export const poolOrganisation = 'pool'
/** As KeeperHub remembers them. */
export const keyLifetimeMs = 24 * 3_600_000
const dayMs = 24 * 3_600_000

export const sha256Hex = (text: string): string => createHash('sha256').update(text).digest('hex')

/** One text for one value, whatever order its keys came in. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined)
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalJson(inner)}`).join(',')}}`
}

export type RunStore = ReturnType<typeof createRunStore>

/** Of one organisation: runs of another are not there for it. */
export function createRunStore(db: Database, organisation = poolOrganisation) {
  const isOurs = eq(keeperRunsTable.organisation, organisation)
  const stepIs = ({ runId, nodeId, iteration }: StepKey) =>
    and(
      eq(keeperStepsTable.runId, runId),
      eq(keeperStepsTable.nodeId, nodeId),
      eq(keeperStepsTable.iteration, iteration),
    )

  return {
    /** Stores a definition once; returns its digest. */
    async keepDefinition(definition: string): Promise<string> {
      const digest = sha256Hex(definition)
      await db.insert(keeperDefinitionsTable).values({ digest, definition }).onConflictDoNothing()
      return digest
    },
    async definition(digest: string): Promise<string | null> {
      const [row] = await db.select().from(keeperDefinitionsTable).where(eq(keeperDefinitionsTable.digest, digest))
      return row?.definition ?? null
    },
    /** One transaction: the key and its run are stored both or neither. */
    begin: (run: NewRun): Promise<Begun> =>
      db.transaction(async tx => {
        const key = { workflowId: run.workflowId, idempotencyKey: run.key }
        const isKey = and(
          eq(keeperKeysTable.workflowId, key.workflowId),
          eq(keeperKeysTable.idempotencyKey, key.idempotencyKey),
        )
        await tx
          .delete(keeperKeysTable)
          .where(and(isKey, lt(keeperKeysTable.createdAtMs, run.createdAtMs - keyLifetimeMs)))
        const bodyDigest = sha256Hex(canonicalJson(JSON.parse(run.input)))
        const taken = await tx
          .insert(keeperKeysTable)
          .values({ ...key, bodyDigest, runId: run.id, createdAtMs: run.createdAtMs })
          .onConflictDoNothing()
          .returning()
        if (taken.length === 0) {
          const [known] = await tx.select().from(keeperKeysTable).where(isKey)
          if (known?.bodyDigest !== bodyDigest) return { kind: 'conflict', runId: known?.runId ?? '' }
          const [row] = await tx.select().from(keeperRunsTable).where(eq(keeperRunsTable.id, known.runId))
          return row ? { kind: 'known', run: row } : { kind: 'conflict', runId: known.runId }
        }
        const { key: _, ...values } = run
        const [row] = await tx
          .insert(keeperRunsTable)
          .values({ ...values, organisation, status: 'pending' })
          .returning()
        return { kind: 'new', run: row as KeeperRunRow }
      }),
    async run(id: string): Promise<KeeperRunRow | null> {
      const [row] = await db
        .select()
        .from(keeperRunsTable)
        .where(and(isOurs, eq(keeperRunsTable.id, id)))
      return row ?? null
    },
    unfinished: (): Promise<KeeperRunRow[]> =>
      db
        .select()
        .from(keeperRunsTable)
        .where(and(isOurs, isNull(keeperRunsTable.completedAtMs)))
        .orderBy(asc(keeperRunsTable.createdAtMs)),
    /** The newest first. */
    runs: (workflowId: string | null, limit: number): Promise<KeeperRunRow[]> =>
      db
        .select()
        .from(keeperRunsTable)
        .where(workflowId === null ? isOurs : and(isOurs, eq(keeperRunsTable.workflowId, workflowId)))
        .orderBy(desc(keeperRunsTable.createdAtMs))
        .limit(limit),
    /** A run that has ended stays as it ended. */
    async change(id: string, values: Partial<Omit<KeeperRunRow, 'id'>>): Promise<void> {
      await db
        .update(keeperRunsTable)
        .set(values)
        .where(and(isOurs, eq(keeperRunsTable.id, id), isNull(keeperRunsTable.completedAtMs)))
    },
    steps: (runId: string): Promise<KeeperStepRow[]> =>
      db.select().from(keeperStepsTable).where(eq(keeperStepsTable.runId, runId)).orderBy(asc(keeperStepsTable.seq)),
    /** A step that was cut is begun again in its row. */
    async beginStep(
      step: StepKey,
      values: Pick<KeeperStepRow, 'nodeName' | 'nodeType' | 'input' | 'startedAtMs'>,
    ): Promise<void> {
      const begun = { ...values, status: 'running' as const, output: null, error: null, completedAtMs: null }
      await db
        .insert(keeperStepsTable)
        .values({ ...step, ...begun })
        .onConflictDoUpdate({
          target: [keeperStepsTable.runId, keeperStepsTable.nodeId, keeperStepsTable.iteration],
          set: begun,
        })
    },
    async endStep(
      step: StepKey,
      values: Pick<KeeperStepRow, 'status' | 'output' | 'error' | 'completedAtMs'>,
    ): Promise<void> {
      await db.update(keeperStepsTable).set(values).where(stepIs(step))
    },
    transactions: (runId: string): Promise<KeeperTransactionRow[]> =>
      db
        .select()
        .from(keeperTransactionsTable)
        .where(eq(keeperTransactionsTable.runId, runId))
        .orderBy(asc(keeperTransactionsTable.seq)),
    /** Before the transaction is sent. */
    async keepTransaction(
      values: Omit<KeeperTransactionRow, 'seq' | 'receiptStatus' | 'blockNumber' | 'gasUsed'>,
    ): Promise<void> {
      await db.insert(keeperTransactionsTable).values(values).onConflictDoNothing()
    },
    async settleTransaction(
      runId: string,
      hash: string,
      values: Pick<KeeperTransactionRow, 'receiptStatus' | 'blockNumber' | 'gasUsed'>,
    ): Promise<void> {
      await db
        .update(keeperTransactionsTable)
        .set(values)
        .where(and(eq(keeperTransactionsTable.runId, runId), eq(keeperTransactionsTable.hash, hash)))
    },
    /** Scheduled runs that found nothing to do are kept for a day, keys as long as they count. Runs that sent something stay. */
    async prune(nowMs: number): Promise<void> {
      await db.delete(keeperKeysTable).where(lt(keeperKeysTable.createdAtMs, nowMs - keyLifetimeMs))
      await db
        .delete(keeperRunsTable)
        .where(
          and(
            eq(keeperRunsTable.startedBy, 'schedule'),
            lt(keeperRunsTable.completedAtMs, nowMs - dayMs),
            notExists(
              db
                .select({ one: sql`1` })
                .from(keeperTransactionsTable)
                .where(eq(keeperTransactionsTable.runId, keeperRunsTable.id)),
            ),
          ),
        )
    },
  }
}
