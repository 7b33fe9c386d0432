/** The client against a service that has a bad day, on a clock that the test moves: what it repeats, how long, and what it gives up on. */
import { ComputePoolError } from '@computepool/shared/errors'
import { createManualClock, type ManualClock } from '@computepool/shared/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { httpWorkflow, testWorkflow } from '../../testing/keeper-workflows.ts'
import { createKeeperHubClient, type KeeperHubClient } from './keeperhub-client.ts'

type Answer = Response | 'no network' | 'no answer' | ((request: Request) => Response)

interface Seen {
  readonly call: string
  readonly atMs: number
  readonly key: string | null
  readonly body: string
}

let clock: ManualClock
let seen: Seen[]
let script: Answer[]
let client: KeeperHubClient
const works = httpWorkflow('works')

const json = (body: unknown, status = 200, headers: Record<string, string> = {}): Response =>
  Response.json(body, { status, headers })
const html = (status: number): Response =>
  new Response('<!doctype html><h1>Bad gateway</h1>', { status, headers: { 'content-type': 'text/html' } })
const listed = (): Response => json([{ id: 'wf_1', ...works.definition.workflow }])
const started = (): Response => json({ executionId: 'exec_1', status: 'running' })
const stands = (status: string, hint: string, more: object = {}): Response =>
  json({ status, transactionHashes: [], ...more }, 200, { 'x-poll-interval-hint': hint })

/** Moves the clock until the work is done. */
async function drive<T>(work: Promise<T>): Promise<T> {
  let isDone = false
  const settle = (): void => {
    isDone = true
  }
  work.then(settle, settle)
  while (!isDone) await clock.advance(50)
  return work
}
const refusalOf = (work: Promise<unknown>): Promise<ComputePoolError> =>
  drive(
    work.then(
      () => Promise.reject(new Error('It was not refused')),
      (thrown: unknown) => (thrown instanceof ComputePoolError ? thrown : Promise.reject(thrown)),
    ),
  )
const execute = () => client.execute('works', { n: '1' }, { idempotencyKey: 'key-1' })
const calls = (): string[] => seen.map(({ call }) => call)

beforeEach(async () => {
  clock = createManualClock()
  seen = []
  script = [listed()]
  client = createKeeperHubClient({
    baseUrl: 'https://keeper.example/api/',
    apiKey: 'kh_secret',
    clock,
    fetch: async (address, init) => {
      const request = new Request(address, init)
      expect(request.headers.get('authorization')).toBe('Bearer kh_secret')
      const call = `${request.method} ${new URL(request.url).pathname.replace('/api', '')}${new URL(request.url).search}`
      seen.push({
        call,
        atMs: clock.monotonicMs(),
        key: request.headers.get('idempotency-key'),
        body: await request.clone().text(),
      })
      const answer = script.shift()
      if (answer === undefined) throw new Error(`The script has no answer for ${call}`)
      if (answer === 'no network') throw new TypeError('fetch failed')
      if (answer === 'no answer') {
        return new Promise((_, reject) => init?.signal?.addEventListener('abort', () => reject(new Error('aborted'))))
      }
      return typeof answer === 'function' ? answer(request) : answer
    },
  })
  await drive(client.install([works]))
  seen = []
})

describe('starting a run', () => {
  it.each<[string, Answer[]]>([
    ['the network fails', ['no network', 'no network', started()]],
    ['no answer comes', ['no answer', started()]],
    ['the service breaks', [json({ error: 'x' }, 503), json({ error: 'x' }, 500), started()]],
    ['a proxy answers with a page', [html(502), html(200), started()]],
    [
      'another call with the key is under way',
      [json({ error: 'idempotency_in_progress', retryable: true }, 409), started()],
    ],
  ])('asks again under the same key when %s', async (_, answers) => {
    script = [...answers]
    expect(await drive(execute())).toEqual({ executionId: 'exec_1', status: 'running' })
    expect(seen).toHaveLength(answers.length)
    for (const { call, key, body } of seen) {
      expect({ call, key, body }).toEqual({
        call: 'POST /workflows/wf_1/execute',
        key: 'key-1',
        body: '{"input":{"n":"1"}}',
      })
    }
  })

  it('waits as long as it is told to when the service is busy', async () => {
    script = [json({ error: 'busy' }, 429, { 'retry-after': '30' }), started()]
    await drive(execute())
    expect((seen[1]?.atMs ?? 0) - (seen[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(30_000)
  })

  it('gives up at its deadline, and says when to try again', async () => {
    script = [json({}, 429, { 'retry-after': '120' })]
    const busy = await refusalOf(execute())
    expect({ code: busy.code, after: busy.context.retryAfterSeconds }).toEqual({
      code: 'chain_keeper_unavailable',
      after: 120,
    })
    script = Array.from({ length: 100 }, () => json({}, 500))
    const before = clock.monotonicMs()
    const broken = await refusalOf(execute())
    expect(broken).toMatchObject({ code: 'chain_keeper_unavailable', row: { retry: 'later' } })
    expect(clock.monotonicMs() - before).toBeLessThanOrEqual(60_050)
  })

  it.each([
    [401, 'chain_keeper_refused'],
    [402, 'chain_keeper_refused'],
    [403, 'chain_keeper_refused'],
    [422, 'chain_keeper_refused'],
    [404, 'input_not_found'],
  ])('does not ask again after %i', async (status, code) => {
    script = [json({ error: 'no' }, status)]
    expect((await refusalOf(execute())).code).toBe(code)
    expect(seen).toHaveLength(1)
  })

  it('tells a conflict with the run that has the key', async () => {
    script = [json({ error: 'idempotency_conflict', retryable: false, originalExecutionId: 'exec_0' }, 409)]
    expect(await refusalOf(execute())).toMatchObject({
      code: 'chain_keeper_conflict',
      context: { executionId: 'exec_0' },
    })
  })

  it('tells nobody the key of the organisation', async () => {
    script = [json({ error: 'kh_secret is wrong' }, 401)]
    const error = await refusalOf(execute())
    expect(JSON.stringify(error)).not.toContain('kh_secret')
  })
})

describe('waiting for a run', () => {
  it('does not take unconfirmed for an end, however it is told', async () => {
    script = [
      json({
        status: 'unconfirmed',
        completed: true,
        transactionHashes: [{ hash: '0x1', nodeId: 'n', nodeName: 'N' }],
      }),
      stands('unconfirmed', '3'),
      stands('unconfirmed', '3'),
      stands('success', '0', {
        transactionHashes: [{ hash: '0x1', nodeId: 'n', nodeName: 'N', receiptStatus: 'success' }],
      }),
    ]
    const run = await drive(client.wait('exec_1', 600_000))
    expect(run).toMatchObject({ status: 'success', transactions: [{ hash: '0x1', receiptStatus: 'success' }] })
    // It keeps to the pace that the service asks for.
    expect(seen.slice(1).map(({ atMs }) => atMs - (seen[1]?.atMs ?? 0))).toEqual([0, 3000, 6000])
  })

  it('waits anew when the service’s own wait is over, through its faults', async () => {
    script = [
      json({ status: 'running', completed: false, transactionHashes: null }),
      stands('running', '2'),
      html(504),
      json({ status: 'error', completed: true, transactionHashes: [], error: 'no' }),
      stands('error', '0', { errorContext: { error: 'The contract refused' } }),
    ]
    expect(await drive(client.wait('exec_1', 600_000))).toMatchObject({
      status: 'error',
      error: 'The contract refused',
    })
    expect(calls()[0]).toBe('GET /workflows/executions/exec_1/wait?timeoutMs=25000')
  })

  it('polls where waiting is not served', async () => {
    script = [json({ error: 'not found' }, 404), stands('running', '2'), stands('cancelled', '0')]
    expect((await drive(client.wait('exec_1', 60_000))).status).toBe('cancelled')
  })

  it('comes back with what it knows when the time is over', async () => {
    script = [
      json({ status: 'unconfirmed', completed: false, transactionHashes: [] }),
      ...Array.from({ length: 9 }, () => stands('unconfirmed', '2')),
    ]
    expect((await drive(client.wait('exec_1', 10_000))).status).toBe('unconfirmed')
  })

  it('stops when its caller gives up', async () => {
    script = ['no answer']
    const giveUp = new AbortController()
    const waiting = client.wait('exec_1', 60_000, giveUp.signal)
    await clock.settle()
    giveUp.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
  })
})

it('asks under a key that a header may hold', async () => {
  script = [started()]
  await drive(client.execute('works', {}, { idempotencyKey: 'breach 0xc0 3 1 ' }))
  expect(seen.at(-1)?.key).toBe('breach:0xc0:3:1')
})

it('does not hurry a service whose wait is none', async () => {
  const running = () => json({ status: 'running', completed: false, transactionHashes: [] })
  script = Array.from({ length: 40 }, () => [running(), stands('running', '2')]).flat()
  expect((await drive(client.wait('exec_1', 10_000))).status).toBe('running')
  expect(seen.length).toBeLessThanOrEqual(14)
})

describe('installing workflows', () => {
  const scheduled = testWorkflow('scheduled', [], [], { triggerType: 'Schedule', scheduleCron: '* * * * *' })

  it('imports what is missing, updates what is old, and leaves what is current', async () => {
    script = [
      json([{ id: 'wf_1', name: works.definition.workflow.name, description: 'an older one' }]),
      json({ id: 'wf_1' }),
      json({ id: 'wf_2', name: scheduled.definition.workflow.name }),
      json({ id: 'wf_2' }),
    ]
    await drive(client.install([works, scheduled]))
    expect(calls()).toEqual([
      'GET /workflows',
      'PATCH /workflows/wf_1',
      'POST /workflows/import',
      'PATCH /workflows/wf_2',
    ])
    expect(JSON.parse(seen[1]?.body ?? '')).toMatchObject({ description: '', nodes: works.definition.nodes })
    // An import is not enabled at KeeperHub, and a schedule that is not enabled never comes.
    expect(JSON.parse(seen[3]?.body ?? '')).toEqual({ enabled: true })

    seen = []
    script = [json([{ id: 'wf_1', ...works.definition.workflow }])]
    await drive(client.install([works]))
    expect(calls()).toEqual(['GET /workflows'])
  })

  it('enables a schedule that an earlier start imported and could not enable', async () => {
    const there = { id: 'wf_2', ...scheduled.definition.workflow }
    script = [json([]), json(there), json({ error: 'no' }, 403)]
    await refusalOf(client.install([scheduled]))
    seen = []
    script = [json([{ ...there, enabled: false }]), json(there)]
    await drive(client.install([scheduled]))
    expect(calls()).toEqual(['GET /workflows', 'PATCH /workflows/wf_2'])
    expect(JSON.parse(seen[1]?.body ?? '')).toEqual({ enabled: true })

    seen = []
    script = [json([{ ...there, enabled: true }])]
    await drive(client.install([scheduled]))
    expect(calls()).toEqual(['GET /workflows'])
  })

  it('does not import twice when the answer was lost', async () => {
    script = [json([]), 'no network', json([{ id: 'wf_9', ...works.definition.workflow }]), started()]
    await drive(client.install([works]))
    await drive(execute())
    expect(calls()).toEqual([
      'GET /workflows',
      'POST /workflows/import',
      'GET /workflows',
      'POST /workflows/wf_9/execute',
    ])
  })
})
