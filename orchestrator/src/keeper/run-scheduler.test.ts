/** Schedules and their books, on a clock that the test moves: one turn is one run, and what found nothing to do is forgotten. */
import { createGate, createManualClock, createSeededRandom, type ManualClock } from '@computepool/shared/testing'
import { sql } from 'drizzle-orm'
import type { PublicClient } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createPretendSender, manual, testWorkflow } from '../../testing/keeper-workflows.ts'
import { openMemoryLedger } from '../../testing/open-memory-ledger.ts'
import type { OpenDatabase } from '../store/database.ts'
import { createEmbeddedKeeper, type EmbeddedKeeper, type KeeperNotice } from './embedded-keeper.ts'
import { createRunStore } from './run-store.ts'

const everyMinute = { triggerType: 'Schedule', scheduleCron: '* * * * *', scheduleTimezone: 'UTC' }
const ask = {
  id: 'ask',
  config: {
    actionType: 'HTTP Request',
    endpoint: 'https://chain.example/',
    httpMethod: 'GET',
    timeout: 30,
    retryAttempts: 5,
    retryDelay: 30,
  },
}
const scheduled = testWorkflow('scheduled', [ask], [['trigger', 'ask']], everyMinute)
const byHand = testWorkflow('by hand', [], [], manual)

let database: OpenDatabase
let clock: ManualClock
let opened: EmbeddedKeeper[]
let notices: KeeperNotice[]
let gate: ReturnType<typeof createGate> | null

beforeAll(async () => {
  database = await openMemoryLedger()
})
afterAll(() => database.close())
beforeEach(async () => {
  await database.db.execute(sql`TRUNCATE keeper_workflows, keeper_runs, keeper_keys, keeper_steps, keeper_transactions`)
  clock = createManualClock(Date.parse('2026-01-01T00:00:30Z'))
  opened = []
  notices = []
  gate = null
})
afterEach(async () => {
  gate?.open()
  for (const keeper of opened) await keeper.close()
})

async function open(store = createRunStore(database.db)): Promise<EmbeddedKeeper> {
  const keeper = createEmbeddedKeeper({
    db: database.db,
    sender: createPretendSender(),
    publicClient: { getChainId: async () => 31337 } as unknown as PublicClient,
    clock,
    entropy: createSeededRandom(opened.length + 1),
    fetch: async (_, init) => {
      // As a real fetch does, it ends when it is told to.
      if (gate)
        await Promise.race([
          gate.opened,
          new Promise((_, reject) => init?.signal?.addEventListener('abort', () => reject(init.signal?.reason))),
        ])
      return Response.json({})
    },
    store,
    workflows: [scheduled, byHand],
    onNotice: notice => notices.push(notice),
  })
  opened.push(keeper)
  await keeper.start()
  return keeper
}

/** Moves the clock, then waits until that many runs have begun and, unless they are held, ended. */
async function pass(ms: number, keeper: EmbeddedKeeper, count: number): Promise<string[]> {
  await clock.advance(ms)
  for (;;) {
    const runs = (await keeper.runs(null, 100)).map(({ run }) => run)
    const ended = runs.filter(({ completedAtMs }) => completedAtMs !== null).length
    const isTold = notices.filter(({ type }) => type === 'run-ended').length >= ended
    if (runs.length === count && (gate !== null || (ended === count && isTold))) {
      return runs.map(run => `${new Date(run.createdAtMs).toISOString().slice(11, 16)} ${run.status}`).reverse()
    }
    await clock.settle()
  }
}

describe('a schedule', () => {
  it('starts a run every turn, and tells when it has ended', async () => {
    const keeper = await open()
    expect(await pass(29_000, keeper, 0)).toEqual([])
    await pass(1_000, keeper, 1)
    expect(await pass(60_000, keeper, 2)).toEqual(['00:01 success', '00:02 success'])
    expect(notices).toMatchObject([
      { type: 'run-ended', workflow: 'scheduled', status: 'success' },
      { type: 'run-ended', workflow: 'scheduled', status: 'success' },
    ])
  })

  it('starts one run a turn, also over a restart', async () => {
    const first = await open()
    await pass(30_000, first, 1)
    await first.close()
    // The clock was set back by a second: the turn comes again.
    clock = createManualClock(Date.parse('2026-01-01T00:00:59Z'))
    const second = await open()
    expect(await pass(1_000, second, 1)).toEqual(['00:01 success'])
    expect(await pass(60_000, second, 2)).toEqual(['00:01 success', '00:02 success'])
  })

  it('lets a turn go while the last run is not over', async () => {
    gate = createGate()
    const keeper = await open()
    // The request times out after 30 s and is tried again after 30 more: the turns at 00:02 and 00:03 find the run under way.
    await pass(60_000, keeper, 1)
    for (let turn = 0; turn < 2; turn++) await clock.advance(60_000)
    gate.open()
    gate = null
    expect(await pass(60_000, keeper, 2)).toEqual(['00:01 success', '00:04 success'])
  })

  it('forgets, after a day, turns that sent nothing, and keeps what was asked for', async () => {
    const keeper = await open()
    const { executionId } = await keeper.execute('by hand', {}, { idempotencyKey: 'a' })
    await pass(30_000, keeper, 2)
    await keeper.close()
    clock = createManualClock(Date.parse('2026-01-02T00:01:30Z'))
    const later = await open()
    await pass(0, later, 1)
    expect((await later.runs(null, 9)).map(({ run }) => run.id)).toEqual([executionId])
    // Its key is forgotten too, so the same call is a new run.
    expect((await later.execute('by hand', {}, { idempotencyKey: 'a' })).executionId).not.toBe(executionId)
  })
})

describe('a run whose books fail', () => {
  it('goes on in a moment from where they stand', async () => {
    const store = createRunStore(database.db)
    let faults = 2
    const failing = async (...args: Parameters<typeof store.endStep>): Promise<void> => {
      if (faults-- > 0) throw new Error('The disk is full.')
      await store.endStep(...args)
    }
    const keeper = await open({ ...store, endStep: failing })
    const { executionId } = await keeper.execute('by hand', {}, { idempotencyKey: 'a' })
    const faultsTold = () => notices.filter(({ type }) => type === 'fault').length
    for (const [told, pauseMs] of [
      [1, 5_000],
      [2, 10_000],
    ] as const) {
      while (faultsTold() < told) await clock.settle()
      expect((await keeper.status(executionId)).status).toBe('running')
      await clock.advance(pauseMs)
    }
    expect((await keeper.wait(executionId, 1_000)).status).toBe('success')
  })
})
