/** What the owner sees: sessions, workflow runs with their logs, findings. The caller has been asked for the owner's token already. */
import type { RunLog, WorkflowRun } from '@computepool/shared/money'
import { Hono } from 'hono'
import type { EmbeddedKeeper, RunDetail } from '../keeper/index.ts'
import type { Ledger } from './ledger.ts'
import { money } from './session-routes.ts'

/** Workflow runs, wherever they are done. */
export interface RunBook {
  /** The newest first. */
  list(): Promise<readonly WorkflowRun[]>
  /** Null where it is none of ours. Errors: `input_not_found`, `chain_keeper_unavailable`. */
  find(executionId: string): Promise<{ readonly run: WorkflowRun; readonly logs: readonly RunLog[] } | null>
}

export interface ActivityRoutesOptions {
  readonly ledger: Pick<Ledger, 'listSessions' | 'listFindings'>
  readonly runs: RunBook
}

const mostRuns = 200

export function activityRoutes({ ledger, runs }: ActivityRoutesOptions): Hono {
  const routes = new Hono()
  routes.get('/sessions', async () => money({ sessions: await ledger.listSessions() }))
  routes.get('/findings', async () => money(await ledger.listFindings()))
  routes.get('/runs', async () => money({ runs: await runs.list() }))
  routes.get('/runs/:id', async c => {
    const found = await runs.find(c.req.param('id'))
    return found === null ? c.notFound() : money(found)
  })
  return routes
}

/** The runs of the keeper in this process. */
export const embeddedRuns = (keeper: Pick<EmbeddedKeeper, 'runs' | 'detail' | 'logs'>): RunBook => ({
  list: async () => (await keeper.runs(null, mostRuns)).map(runOf),
  find: async id => {
    const [detail, logs] = await Promise.all([keeper.detail(id), keeper.logs(id)])
    return { run: runOf(detail), logs: logs.map((log): RunLog => log) }
  },
})

function runOf({ run, workflow, transactions }: RunDetail): WorkflowRun {
  return {
    executionId: run.id,
    workflow,
    status: run.status === 'skipped' ? 'cancelled' : run.status,
    sessionId: sessionOf(run.input),
    startedAtMs: run.createdAtMs,
    completedAtMs: run.completedAtMs,
    transactionHashes: transactions.map(({ hash }) => hash),
    error: run.error,
  }
}

function sessionOf(input: string): string | null {
  const { session_id: id } = JSON.parse(input) as { session_id?: unknown }
  return typeof id === 'string' ? id : null
}
