/**
 * KeeperHub's REST paths in front of the embedded keepers, so that one client has two homes. A key opens the organisation that it is of, and
 * there is nothing else for it. They translate; they decide nothing.
 */
import { asComputePoolError, ComputePoolError } from '@computepool/shared/errors'
import { isFinalKeeperStatus, type KeeperInput } from '@computepool/shared/ports'
import { type Context, Hono } from 'hono'
import { z } from 'zod'
import { readJson } from '../api/read-json.ts'
import { isBearer } from './bearer.ts'
import type { EmbeddedKeeper } from './embedded-keeper.ts'
import { executionJson, logJson, parse, statusJson, transactionsJson } from './run-view.ts'
import { actionConfigs, mostImportBytes } from './workflow-schema.ts'
import type { StoredWorkflow } from './workflow-store.ts'

export interface KeeperOrganisation {
  readonly keeper: EmbeddedKeeper
  /** What its callers send as Bearer. */
  readonly apiKey: string
}

const defaultWaitMs = 25_000
const longestWaitMs = 60_000
const mostExecuteBytes = 256 * 1024
const executeSchema = z.object({ input: z.record(z.string(), z.unknown()).default({}) })
const keySchema = z.string().regex(/^[\x21-\x7e]{1,255}$/)

type Env = { Variables: { keeper: EmbeddedKeeper } }

export function keeperRoutes(organisations: readonly KeeperOrganisation[]): Hono<Env> {
  const routes = new Hono<Env>()
  routes.onError((thrown, c) => refusal(c, thrown))
  routes.use('*', async (c, next) => {
    const header = c.req.header('authorization')
    const organisation = organisations.find(({ apiKey }) => isBearer(header, apiKey))
    if (organisation === undefined)
      return c.json({ error: 'Unauthorized', detail: 'Send your organisation’s key as Authorization: Bearer.' }, 401)
    c.set('keeper', organisation.keeper)
    return next()
  })
  const execute = async (c: Context<Env>): Promise<Response> => {
    const body = executeSchema.safeParse(await readJson(c.req.raw, mostExecuteBytes))
    if (!body.success) throw new ComputePoolError('input_invalid', 'The body is not {"input": {…}}.')
    const header = c.req.header('idempotency-key')
    const key = header === undefined ? null : keySchema.safeParse(header)
    if (key !== null && !key.success)
      throw new ComputePoolError('input_invalid', 'Idempotency-Key is not 1 to 255 visible characters.')
    const begun = await c.var.keeper.executeById(
      c.req.param('id') ?? '',
      body.data.input as KeeperInput,
      key?.data ?? null,
    )
    if (begun.kind === 'conflict') {
      const refused = {
        error: 'idempotency_conflict',
        code: 'idempotency_conflict',
        retryable: false,
        originalExecutionId: begun.runId,
      }
      return c.json(refused, 409)
    }
    return c.json({ executionId: begun.run.id, status: 'running' })
  }

  routes.get('/workflows', async c => c.json((await c.var.keeper.workflows.list()).map(workflowJson)))
  routes.post('/workflows/import', async c => {
    const stored = await c.var.keeper.importWorkflow(await readJson(c.req.raw, mostImportBytes))
    return c.json({ ...workflowJson(stored), integrationBindings: stored.definition.integrationBindings })
  })
  routes.get('/workflows/executions/:id/status', async c => {
    const { run, steps, transactions, totalSteps } = await c.var.keeper.detail(c.req.param('id'))
    c.header('x-poll-interval-hint', isFinalKeeperStatus(run.status) ? '0' : '1')
    return c.json(statusJson(run, steps, transactions, totalSteps))
  })
  routes.get('/workflows/executions/:id/wait', async c => {
    const asked = Number.parseInt(c.req.query('timeoutMs') ?? '', 10)
    const timeoutMs = Number.isFinite(asked) ? Math.min(Math.max(asked, 0), longestWaitMs) : defaultWaitMs
    await c.var.keeper.wait(c.req.param('id'), timeoutMs, c.req.raw.signal)
    const { run, transactions } = await c.var.keeper.detail(c.req.param('id'))
    const { completedAt } = executionJson(run, transactions)
    return c.json({
      executionId: run.id,
      status: run.status,
      completed: isFinalKeeperStatus(run.status),
      transactionHashes: transactionsJson(transactions),
      output: parse(run.output),
      error: run.error,
      gasUsedWei: null,
      completedAt,
    })
  })
  routes.get('/workflows/executions/:id/logs', async c => {
    const { run, steps, transactions } = await c.var.keeper.detail(c.req.param('id'))
    return c.json({ execution: executionJson(run, transactions), logs: steps.map(logJson).reverse() })
  })
  routes.post('/executions/:id/cancel', async c => {
    const { executionId, status } = await c.var.keeper.cancel(c.req.param('id'))
    return c.json({ executionId, status })
  })
  routes.get('/workflows/:id', async c => c.json(workflowJson(await c.var.keeper.workflows.find(c.req.param('id')))))
  routes.patch('/workflows/:id', async c =>
    c.json(
      workflowJson(await c.var.keeper.updateWorkflow(c.req.param('id'), await readJson(c.req.raw, mostImportBytes))),
    ),
  )
  routes.get('/workflows/:id/download', async c =>
    c.json((await c.var.keeper.workflows.find(c.req.param('id'))).definition),
  )
  routes.get('/workflows/:id/executions', async c => {
    const { id } = await c.var.keeper.workflows.find(c.req.param('id'))
    return c.json((await c.var.keeper.runs(id, 100)).map(({ run, transactions }) => executionJson(run, transactions)))
  })
  routes.post('/workflows/:id/execute', execute)
  routes.post('/workflow/:id/execute', execute)
  routes.get('/mcp/schemas', c =>
    c.json({
      version: '1.0.0',
      actions: Object.fromEntries(Object.keys(actionConfigs).map(key => [key, { actionType: key }])),
    }),
  )
  routes.all('*', c => {
    throw new ComputePoolError('input_not_found', `${c.req.method} ${c.req.path} is not served here.`)
  })
  return routes
}

const workflowJson = (stored: StoredWorkflow) => ({
  id: stored.id,
  name: stored.name,
  description: stored.description,
  visibility: 'private',
  enabled: stored.enabled,
  nodes: stored.definition.nodes,
  edges: stored.definition.edges,
  createdAt: new Date(stored.createdAtMs).toISOString(),
  updatedAt: new Date(stored.updatedAtMs).toISOString(),
  isOwner: true,
})

/** Errors in KeeperHub's shape. */
function refusal(c: Context, thrown: unknown): Response {
  const error = asComputePoolError(thrown)
  const isOurs = error.code === 'bug_unreachable_state'
  const body = { error: isOurs ? 'Internal error' : error.message, code: error.code, detail: error.remedy }
  return c.json(body, error.row.httpStatus as 400)
}
