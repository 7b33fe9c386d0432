import { afterEach, expect, it } from 'vitest'
import type { FakeTab } from '../../testing/fake-tab.ts'
import { createTestPool, type TestPool } from '../../testing/test-pool.ts'

const pools: TestPool[] = []
afterEach(() => {
  for (const { desk } of pools.splice(0)) desk.close()
})

/** A ring of two, in which these tabs (by number, from 1) may hold text. */
async function openPool(holders: readonly number[]) {
  const pool = createTestPool({ minSeats: 2 })
  pools.push(pool)
  const tabs = await pool.joinTabs(2)
  const wallets = holders.map(index => tabs[index - 1]!.peer.slice(0, 42))
  pool.desk.weigh(Object.fromEntries(wallets.map(wallet => [wallet, 0.9])), wallets)
  await pool.clock.settle()
  return { pool, tabs, entry: entryOf(pool, tabs) }
}
const entryOf = (pool: TestPool, tabs: readonly FakeTab[]): FakeTab =>
  tabs.find(({ peer }) => pool.desk.snapshot().seats[0]?.peer === peer)!

const trusted = { max_tokens: 2, computepool: { trusted: true } }

it('serves who asks for trusted ends on a ring that has them, and tells its seats nothing of it', async () => {
  const { pool, entry } = await openPool([1, 2])
  const reply = pool.chat(trusted)
  const job = await entry.nextJob()
  expect(job).not.toHaveProperty('isTrusted')
  entry.draw(job, 2)
  entry.finish(job.requestId, 'length')
  expect((await reply).status).toBe(200)
})

it.each([[[]], [[1]], [[2]]])('refuses where only %j may hold text, and serves whoever does not ask', async holders => {
  const { pool, entry } = await openPool(holders)
  const refused = await pool.chat(trusted)
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '60'])
  expect(await refused.json()).toMatchObject({
    error: { code: 'swarm_trust_missing', message: expect.stringContaining('staked operators of good standing') },
  })
  const reply = pool.chat({ max_tokens: 2 })
  const job = await entry.nextJob()
  entry.draw(job, 2)
  entry.finish(job.requestId, 'length')
  expect((await reply).status).toBe(200)
})

it('refuses a body that does not say so in a word', async () => {
  const { pool } = await openPool([1, 2])
  expect((await pool.chat({ computepool: { trusted: 'please' } })).status).toBe(400)
})

it('of an answer that is moved, goes on with trusted ends only', async () => {
  const { pool, tabs, entry } = await openPool([1, 2])
  const reply = pool.chat(trusted)
  const job = await entry.nextJob()
  entry.draw(job, 1)
  const other = tabs.find(tab => tab !== entry)!
  const [stranger] = [pool.hub.tab(3, { model: pool.model })]
  stranger.join()
  await pool.clock.settle()
  // The exit goes; the ring that follows has a stranger at one end.
  other.vanish()
  await pool.clock.settle()
  await pool.clock.advance(20_000)
  expect(pool.desk.snapshot().seats.map(({ peer }) => peer)).toContain(stranger.peer)
  expect(pool.desk.snapshot().queuedRequests).toBe(1)
  pool.desk.weigh({ [stranger.peer.slice(0, 42)]: 0.9 }, [stranger.peer.slice(0, 42)])
  await pool.clock.settle()
  const next = entryOf(pool, [...tabs, stranger])
  const moved = await next.nextJob()
  expect(moved.generatedTokens).toHaveLength(1)
  next.draw(moved, 1)
  next.finish(moved.requestId, 'length')
  expect((await reply).status).toBe(200)
})
