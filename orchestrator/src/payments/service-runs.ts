/**
 * The runs that a keeper service does for us, as the owner sees them: which ones there are stands in the outbox, what became of each the
 * service says. Runs that its own schedules start are shown by the service alone.
 */
import type { RunLog, WorkflowRun } from '@computepool/shared/money'
import { isFinalKeeperStatus, type KeeperPort, type KeeperRun } from '@computepool/shared/ports'
import { and, desc, eq, isNotNull } from 'drizzle-orm'
import type { Database } from '../store/database.ts'
import { type OutboxRow, outboxTable } from '../store/ledger-tables.ts'
import type { RunBook } from './activity-routes.ts'
import { workflowOf } from './keeper-orders.ts'
import { areOrdersOf } from './outbox-rows.ts'

export interface ServiceRunsOptions {
  readonly db: Database
  readonly vault: string
  readonly keeper: Pick<KeeperPort, 'status' | 'logs'>
}

/** Each costs a request to the service until it is final. */
const mostRuns = 50
const askedAtOnce = 8
const mostKept = 1000

export function createServiceRuns({ db, vault, keeper }: ServiceRunsOptions): RunBook {
  const isOurs = areOrdersOf(db, vault.toLowerCase())
  /** What is final does not change. */
  const final = new Map<string, KeeperRun>()

  const look = async (executionId: string): Promise<KeeperRun> => {
    const known = final.get(executionId)
    if (known !== undefined) return known
    const run = await keeper.status(executionId)
    if (isFinalKeeperStatus(run.status)) final.set(executionId, run)
    if (final.size > mostKept) final.delete(final.keys().next().value!)
    return run
  }

  const read = async (row: OutboxRow): Promise<WorkflowRun> => {
    const executionId = row.executionId!
    const run = await look(executionId).catch((thrown: unknown) => thrown)
    const told = {
      executionId,
      workflow: workflowOf(row),
      sessionId: row.sessionId,
      startedAtMs: row.createdAtMs,
      completedAtMs: row.doneAtMs,
    }
    if (run instanceof Error) {
      const error = `The service did not say what became of it: ${run.message}`
      return { ...told, status: 'unconfirmed', transactionHashes: [], error }
    }
    const { status, transactions, error } = run as KeeperRun
    const transactionHashes = transactions.map(({ hash }) => hash)
    return { ...told, status: status === 'skipped' ? 'cancelled' : status, transactionHashes, error }
  }

  return {
    async list() {
      const rows = await db
        .select()
        .from(outboxTable)
        .where(and(isNotNull(outboxTable.executionId), isOurs))
        .orderBy(desc(outboxTable.id))
        .limit(mostRuns)
      const runs: WorkflowRun[] = []
      for (let at = 0; at < rows.length; at += askedAtOnce) {
        runs.push(...(await Promise.all(rows.slice(at, at + askedAtOnce).map(read))))
      }
      return runs
    },
    async find(executionId) {
      const isIt = and(eq(outboxTable.executionId, executionId), isOurs)
      const [row] = await db.select().from(outboxTable).where(isIt).limit(1)
      if (row === undefined) return null
      const [run, logs] = await Promise.all([read(row), keeper.logs(executionId)])
      return { run, logs: logs.map((log): RunLog => log) }
    },
  }
}
