/** A node or books that fail for a while: runs wait and go on, and what is stored about it names nobody's key. */
import { createManualClock, createSeededRandom, type ManualClock } from '@computepool/shared/testing'
import { sql } from 'drizzle-orm'
import { createPublicClient, fallback, http, type PublicClient } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createPretendSender, testWorkflow, writeWorkflow } from '../../testing/keeper-workflows.ts'
import { openMemoryLedger } from '../../testing/open-memory-ledger.ts'
import type { OpenDatabase } from '../store/database.ts'
import { createEmbeddedKeeper, type EmbeddedKeeper, type KeeperNotice } from './embedded-keeper.ts'
import { createRunStore, type RunStore } from './run-store.ts'
import { storableText } from './step-fault.ts'

const secretUrl = 'https://node.example/v3/0123456789abcdef-key'
const abi = JSON.stringify([
  { type: 'function', name: 'count', stateMutability: 'view', inputs: [], outputs: [{ name: 'sum', type: 'uint256' }] },
])
const reading = testWorkflow(
  'reading',
  [
    {
      id: 'read',
      config: {
        actionType: 'web3/read-contract',
        network: '31337',
        contractAddress: '0x00000000000000000000000000000000000000aa',
        abi,
        abiFunction: 'count',
        functionArgs: '[]',
        // Even where a refusal would be a value: an outage is no answer.
        failOnError: 'false',
      },
    },
  ],
  [['trigger', 'read']],
)

let database: OpenDatabase
let clock: ManualClock
let keeper: EmbeddedKeeper
let notices: KeeperNotice[]
let sender: ReturnType<typeof createPretendSender>
let isNodeUp: boolean

beforeAll(async () => {
  database = await openMemoryLedger()
})
afterAll(() => database.close())
beforeEach(async () => {
  await database.db.execute(sql`TRUNCATE keeper_workflows, keeper_runs, keeper_keys, keeper_steps, keeper_transactions`)
  clock = createManualClock()
  notices = []
  sender = createPretendSender()
  isNodeUp = true
})
afterEach(() => keeper.close())

const answers: Record<string, string> = { eth_chainId: '0x7a69', eth_call: `0x${'2a'.padStart(64, '0')}` }
async function fetchNode(_: unknown, init?: RequestInit): Promise<Response> {
  if (!isNodeUp) throw new TypeError('fetch failed')
  const { id, method } = JSON.parse(String(init?.body)) as { id: number; method: string }
  return Response.json({ jsonrpc: '2.0', id, result: answers[method] })
}

async function open(store: RunStore = createRunStore(database.db)): Promise<void> {
  const node = http(secretUrl, { retryCount: 0, fetchFn: fetchNode })
  keeper = createEmbeddedKeeper({
    db: database.db,
    sender,
    publicClient: createPublicClient({ transport: fallback([node], { retryCount: 0 }), cacheTime: 0 }) as PublicClient,
    clock,
    entropy: createSeededRandom(1),
    store,
    workflows: [reading, writeWorkflow('write')],
    onNotice: notice => notices.push(notice),
  })
  await keeper.start()
}
const faults = () => notices.filter(({ type }) => type === 'fault').length
/** A fault has been told and the next try is waiting for the clock. */
const faulted = (count: number) => expect.poll(faults, { timeout: 10_000 }).toBe(count)
async function ended(id: string) {
  await expect.poll(() => notices.some(({ type }) => type === 'run-ended'), { timeout: 10_000 }).toBe(true)
  return keeper.status(id)
}
const start = async (workflow: string) => (await keeper.execute(workflow, {}, { idempotencyKey: 'a' })).executionId

describe('a run', () => {
  it('waits for a node that is out of reach, later and later, and then goes on', async () => {
    await open()
    isNodeUp = false
    const id = await start('reading')
    await faulted(1)
    await clock.advance(4_999)
    expect(faults()).toBe(1)
    await clock.advance(1)
    await faulted(2)
    await clock.advance(9_999)
    expect(faults()).toBe(2)
    expect((await keeper.status(id)).status).toBe('running')
    isNodeUp = true
    await clock.advance(1)
    expect(await ended(id)).toMatchObject({ status: 'success', error: null })
    const [read] = await keeper.logs(id)
    expect(read).toMatchObject({ status: 'success', output: { success: true, result: { sum: '42' } } })
  })

  it('that had sent its transaction waits for the node after a restart', async () => {
    await open()
    const id = await start('write')
    await expect.poll(async () => (await keeper.status(id)).status, { timeout: 10_000 }).toBe('unconfirmed')
    await keeper.close()
    isNodeUp = false
    await open()
    await faulted(1)
    expect((await keeper.status(id)).status).toBe('unconfirmed')
    isNodeUp = true
    sender.mine()
    await clock.advance(5_000)
    expect(await ended(id)).toMatchObject({ status: 'success', transactions: [{ receiptStatus: 'success' }] })
    expect(sender.submitted).toBe(1)
  })

  it('waits for books that fail in the middle of a step', async () => {
    const store = createRunStore(database.db)
    let failures = 1
    await open({
      ...store,
      keepTransaction: async values => {
        if (failures-- > 0) throw new Error('Failed query: insert … params: 0xsigned')
        await store.keepTransaction(values)
      },
    })
    sender.mine()
    const id = await start('write')
    await faulted(1)
    await clock.advance(5_000)
    expect(await ended(id)).toMatchObject({ status: 'success', error: null })
  })

  it('stores nothing of the node’s address', async () => {
    await open()
    isNodeUp = false
    await start('reading')
    await faulted(1)
    const tables = ['keeper_runs', 'keeper_steps', 'keeper_transactions']
    const rows = await Promise.all(tables.map(table => database.db.execute(sql.raw(`SELECT * FROM ${table}`))))
    expect(JSON.stringify(rows)).not.toContain('v3')
    const told = notices.map(notice => (notice.type === 'fault' ? (notice.error as Error).message : ''))
    expect(told.join()).toContain('HTTP request failed')
    expect(told.join()).not.toContain('v3')
  })
})

it('keeps of an address no more than its host', () => {
  expect(storableText(new Error(`No answer from ${secretUrl}?k=1, nor wss://me:pw@b.example:8/x`))).toBe(
    'No answer from https://node.example/… nor wss://…@b.example:8/…',
  )
})
