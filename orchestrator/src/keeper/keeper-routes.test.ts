import { createSeededRandom } from '@computepool/shared/testing'
import { sql } from 'drizzle-orm'
import type { PublicClient } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createPretendSender, httpWorkflow, writeWorkflow } from '../../testing/keeper-workflows.ts'
import { openMemoryLedger } from '../../testing/open-memory-ledger.ts'
import { hostClock } from '../host.ts'
import type { OpenDatabase } from '../store/database.ts'
import { createEmbeddedKeeper, type EmbeddedKeeper } from './embedded-keeper.ts'
import { keeperRoutes } from './keeper-routes.ts'

let database: OpenDatabase
let keeper: EmbeddedKeeper
let id: string
let ask: (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Response>
const works = httpWorkflow('works')

beforeAll(async () => {
  database = await openMemoryLedger()
})
afterAll(() => database.close())
beforeEach(async () => {
  await database.db.execute(sql`TRUNCATE keeper_workflows, keeper_runs, keeper_keys, keeper_steps, keeper_transactions`)
  const sender = createPretendSender()
  sender.mine()
  keeper = createEmbeddedKeeper({
    db: database.db,
    sender,
    publicClient: { getChainId: async () => 31337 } as unknown as PublicClient,
    clock: hostClock,
    entropy: createSeededRandom(3),
    fetch: async () => Response.json({}),
    pollMs: 5,
  })
  const routes = keeperRoutes([{ keeper, apiKey: 'owner-key' }])
  ask = async (method, path, body, headers = { authorization: 'Bearer owner-key' }) =>
    routes.request(path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
  id = ((await (await ask('POST', '/workflows/import', works.definition)).json()) as { id: string }).id
})
afterEach(() => keeper.close())

describe('the keeper’s routes', () => {
  it.each<[string, Record<string, string>]>([
    ['no key', {}],
    ['another key', { authorization: 'Bearer owner-kez' }],
    ['a part of the key', { authorization: 'Bearer owner' }],
    ['an empty key', { authorization: 'Bearer ' }],
    ['another scheme', { authorization: 'Basic owner-key' }],
  ])('tell and do nothing for %s', async (_, headers) => {
    for (const [method, path] of [
      ['GET', '/workflows'],
      ['POST', `/workflows/${id}/execute`],
      ['POST', '/executions/x/cancel'],
      ['GET', '/workflows/executions/x/logs'],
    ] as const) {
      const response = await ask(method, path, method === 'POST' ? {} : undefined, headers)
      expect(response.status).toBe(401)
    }
    expect(await keeper.runs(null, 9)).toEqual([])
  })

  it('answer as KeeperHub does', async () => {
    const started = await ask('POST', `/workflows/${id}/execute`, { input: { callback_token: 'secret-token' } })
    const { executionId, status } = (await started.json()) as { executionId: string; status: string }
    expect([started.status, status]).toEqual([200, 'running'])
    const waited = await ask('GET', `/workflows/executions/${executionId}/wait?timeoutMs=30000`)
    expect(await waited.json()).toMatchObject({
      executionId,
      status: 'success',
      completed: true,
      error: null,
      transactionHashes: [],
    })
    const told = await ask('GET', `/workflows/executions/${executionId}/status`)
    expect(told.headers.get('x-poll-interval-hint')).toBe('0')
    expect(await told.json()).toMatchObject({
      status: 'success',
      nodeStatuses: [
        { nodeId: 'trigger', status: 'success' },
        { nodeId: 'ask', status: 'success' },
      ],
      progress: { totalSteps: 2, completedSteps: 2, percentage: 100 },
      errorContext: null,
    })
    const logs = await (await ask('GET', `/workflows/executions/${executionId}/logs`)).text()
    expect(JSON.parse(logs)).toMatchObject({
      execution: { id: executionId, workflowId: id, input: { callback_token: '•••' } },
      logs: [
        { nodeId: 'ask', nodeType: 'HTTP Request', status: 'success' },
        { nodeId: 'trigger', nodeType: 'trigger', status: 'success' },
      ],
    })
    expect(logs).not.toContain('secret-token')
    expect(await (await ask('GET', `/workflows/${id}/executions`)).json()).toMatchObject([
      { id: executionId, status: 'success' },
    ])
    expect(await (await ask('GET', `/workflows/${id}/download`)).json()).toEqual(works.definition)
  })

  it('keep a workflow’s id when it is imported again or changed', async () => {
    const again = (await (await ask('POST', '/workflows/import', works.definition)).json()) as { id: string }
    expect(again.id).toBe(id)
    const { nodes, edges } = writeWorkflow('x').definition
    const changed = await ask('PATCH', `/workflows/${id}`, { nodes, edges, description: 'pokes' })
    expect(await changed.json()).toMatchObject({ id, name: works.definition.workflow.name, description: 'pokes' })
    expect(await (await ask('GET', '/workflows')).json()).toHaveLength(1)
  })

  it.each<[string, string, unknown, number]>([
    ['a workflow that is none', '/workflows/import', { version: 2 }, 400],
    ['a workflow that is too large', '/workflows/import', JSON.stringify({ x: 'x'.repeat(1_100_000) }), 413],
    ['a body that is no JSON', '/workflows/ID/execute', '<html>', 400],
    ['an input that is no object', '/workflows/ID/execute', { input: 7 }, 400],
    ['an input that is too large', '/workflows/ID/execute', { input: { x: 'x'.repeat(200_000) } }, 413],
    ['an unknown workflow', '/workflows/nothing/execute', {}, 404],
    ['an unknown path', '/nothing', {}, 404],
  ])('refuse %s', async (_, path, body, status) => {
    const response = await ask('POST', path.replace('ID', id), body)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ error: expect.any(String), detail: expect.any(String) })
    expect(await keeper.runs(null, 9)).toEqual([])
  })

  it('refuse a key that no header should hold', async () => {
    const headers = { authorization: 'Bearer owner-key', 'idempotency-key': 'x'.repeat(300) }
    expect((await ask('POST', `/workflows/${id}/execute`, {}, headers)).status).toBe(400)
  })
})
