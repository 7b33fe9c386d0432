/** What the owner sees: sessions, workflow runs with their logs, findings. The caller has been asked for the owner's token already. */
import type { RunLog, WorkflowRun } from '@computepool/shared/money'
import { Hono } from 'hono'
import type { EmbeddedKeeper, RunDetail } from '../keeper/index.ts'
import type { Ledger } from './ledger.ts'
import { money } from './session-routes.ts'

export interface ActivityRoutesOptions {
  readonly ledger: Pick<Ledger, 'listSessions' | 'listFindings'>
  /** Null where KeeperHub's service runs the workflows: its own pages show them. */
  readonly keeper: EmbeddedKeeper | null
}

const mostRuns = 200

export function activityRoutes({ ledger, keeper }: ActivityRoutesOptions): Hono {
  const routes = new Hono()
  routes.get('/sessions', async () => money({ sessions: await ledger.listSessions() }))
  routes.get('/findings', async () => money(await ledger.listFindings()))
  routes.get('/runs', async () =>
    money({ runs: keeper === null ? [] : (await keeper.runs(null, mostRuns)).map(runOf) }),
  )
  routes.get('/runs/:id', async c => {
    if (keeper === null) return c.notFound()
    const id = c.req.param('id')
    const [detail, logs] = await Promise.all([keeper.detail(id), keeper.logs(id)])
    return money({ run: runOf(detail), logs: logs.map((log): RunLog => log) })
  })
  return routes
}

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
