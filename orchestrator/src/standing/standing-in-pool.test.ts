import { newcomerWeight } from '@computepool/shared/standing'
import { afterEach, describe, expect, it } from 'vitest'
import type { FakeTab } from '../../testing/fake-tab.ts'
import { createTestPool, type TestPool } from '../../testing/test-pool.ts'

const pools: TestPool[] = []
afterEach(() => {
  for (const { desk } of pools.splice(0)) desk.close()
})

async function openRing(count = 2) {
  const pool = createTestPool({ minSeats: 2 })
  pools.push(pool)
  const tabs = await pool.joinTabs(count)
  return { pool, tabs }
}
const walletOf = ({ peer }: FakeTab): string => peer.slice(0, 42)
const seated = (pool: TestPool): string[] => pool.desk.snapshot().seats.map(({ peer }) => peer.slice(0, 42))
const entryOf = (pool: TestPool, tabs: readonly FakeTab[]): FakeTab =>
  tabs.find(({ peer }) => pool.desk.snapshot().seats[0]?.peer === peer)!

describe('GET /api/operators/ADDRESS/standing', () => {
  const ask = (pool: TestPool, path: string) => pool.app.request(`/api/operators/${path}/standing`)

  it('tells anybody what the pool thinks of an operator, and why, also where work is free', async () => {
    const { pool, tabs } = await openRing()
    const wallet = walletOf(tabs[0]!)
    pool.standing.note(wallet, { type: 'checked', atMs: pool.clock.wallMs() })
    const reply = await ask(pool, wallet.toUpperCase().replace('0X', '0x'))
    expect([reply.status, reply.headers.get('cache-control')]).toEqual([200, 'no-store'])
    expect(await reply.json()).toMatchInlineSnapshot(`
      {
        "changes": [
          {
            "atMs": 1767225600000,
            "reason": "A check computed your layers again and agreed. Your weight went from 0.10 to 0.14.",
            "weightAfter": 0.14285714285714285,
            "weightBefore": 0.1,
          },
        ],
        "checkRate": 0.9814285714285714,
        "checked": 1,
        "failed": 0,
        "leftEarly": 0,
        "operator": "0x0000000000000000000000000000000000000001",
        "served": 0,
        "trust": 0.047619047619047616,
        "weight": 0.14285714285714285,
      }
    `)
  })

  it('knows a newcomer in whoever it never heard of', async () => {
    const { pool } = await openRing()
    expect(await (await ask(pool, `0x${'ee'.repeat(20)}`)).json()).toMatchObject({
      weight: newcomerWeight,
      changes: [],
    })
  })

  it('refuses what is no address', async () => {
    const { pool } = await openRing()
    expect((await ask(pool, 'nobody')).status).toBe(400)
  })
})

describe('a running pool', () => {
  it('counts the seconds of an answer whose receipts were whole, and shows how each seat stands', async () => {
    const { pool, tabs } = await openRing()
    const reply = pool.chat({ max_tokens: 3 })
    const entry = entryOf(pool, tabs)
    const job = await entry.nextJob()
    entry.draw(job, 2)
    await pool.clock.advance(4000)
    entry.draw(job, 1, 2)
    entry.finish(job.requestId, 'length')
    await reply
    await pool.clock.advance(1000)
    expect(tabs.map(tab => Math.round(pool.standing.of(walletOf(tab)).served))).toEqual([4, 4])
    expect(pool.desk.snapshot().seats.map(({ standing }) => standing)).toEqual(
      tabs.map(() => ({ weight: 0.1, trust: 0, checked: 0, failed: 0 })),
    )
  })

  it('tells its operators how they stand, from their joining on', async () => {
    const { tabs, pool } = await openRing()
    const [tab] = tabs
    const told = () => tab!.commands.filter(({ type }) => type === 'standing-told')
    expect(told()).toHaveLength(1)
    pool.standing.note(walletOf(tab!), { type: 'checked', atMs: pool.clock.wallMs() })
    expect(told()).toMatchObject([
      { checked: 0 },
      { checked: 1, changes: [{ reason: expect.stringContaining('agreed') }] },
    ])
  })

  it.each<[string, (tab: FakeTab, waits: (ms: number) => Promise<void>) => unknown, number]>([
    ['vanishes', tab => tab.vanish(), 1],
    ['leaves on purpose', tab => tab.leave(), 1],
    [
      'asks to go, and leaves a moment later all the same',
      async (tab, waits) => {
        tab.say({ type: 'peer-draining' })
        await waits(2000)
        // Said again it counts from the first time.
        tab.say({ type: 'peer-draining' })
        tab.leave()
      },
      1,
    ],
    [
      'had asked to go a minute before it vanishes',
      async (tab, waits) => {
        tab.say({ type: 'peer-draining' })
        await waits(59_900)
        tab.vanish()
      },
      0,
    ],
  ])('holds it against who %s while an answer runs through its seat, once', async (_, go, times) => {
    const { pool, tabs } = await openRing()
    const reply = pool.chat({ max_tokens: 100 })
    const entry = entryOf(pool, tabs)
    const job = await entry.nextJob()
    let drawn = 0
    const draw = (): void => entry.draw(job, 1, drawn++)
    draw()
    const other = tabs.find(tab => tab !== entry)!
    await go(other, async ms => {
      // The answer goes on meanwhile.
      for (let leftMs = ms; leftMs > 0; leftMs -= 2000) {
        await pool.clock.advance(Math.min(leftMs, 2000))
        draw()
      }
    })
    await pool.clock.advance(60_000)
    await reply
    expect(tabs.map(tab => Math.round(pool.standing.of(walletOf(tab)).leftEarly))).toEqual(
      tabs.map(tab => (tab === other ? times : 0)),
    )
  })

  it('holds it against nobody who goes while nothing runs', async () => {
    const { pool, tabs } = await openRing()
    for (const tab of tabs) tab.vanish()
    expect(tabs.map(tab => pool.standing.of(walletOf(tab)).leftEarly)).toEqual([0, 0])
  })

  it('takes the seat of a convict at once, gives it to another, and the answer goes on', async () => {
    const { pool, tabs } = await openRing(3)
    const [spare] = tabs.filter(tab => !seated(pool).includes(walletOf(tab)))
    const entry = entryOf(pool, tabs)
    const cheat = tabs.find(tab => tab !== entry && tab !== spare)!
    const reply = pool.chat({ max_tokens: 3 })
    const job = await entry.nextJob()
    entry.draw(job, 1)
    pool.standing.convict(walletOf(cheat), 'wrong-output')
    expect(seated(pool).sort()).toEqual([entry, spare!].map(walletOf).sort())
    const next = entryOf(pool, tabs)
    const moved = await next.nextJob()
    expect(moved.generatedTokens).toHaveLength(1)
    next.draw(moved, 2)
    next.finish(moved.requestId, 'length')
    expect((await reply).status).toBe(200)
    // Under another id, as often as it likes.
    pool.hub.tab(Number(BigInt(walletOf(cheat))), { model: pool.model, start: 77 }).join()
    await pool.clock.advance(60_000)
    const { rings } = pool.desk.snapshot()
    expect(JSON.stringify(rings)).not.toContain(walletOf(cheat))
    expect(cheat.commands.filter(({ type }) => type === 'standing-told').at(-1)).toMatchObject({ weight: 0 })
  })
})
