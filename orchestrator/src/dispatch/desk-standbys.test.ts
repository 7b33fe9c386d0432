import { greedy } from '@computepool/shared/pipeline'
import type { DeskCommand } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import type { FakeTab } from '../../testing/fake-tab.ts'
import { readTokens } from '../../testing/read-answer.ts'
import { createTestPool, type TestPool } from '../../testing/test-pool.ts'

const order = { promptTokens: [1, 2], maxTokens: 4, stopTokens: [], sampling: greedy }

/** Two that serve, and `count` that wait beside them. */
async function joinAll(pool: TestPool, count: number, msPerLayer = 1): Promise<FakeTab[]> {
  const seats = await pool.joinTabs(2, { msPerLayer })
  const waiting = Array.from({ length: count }, (_, index) =>
    pool.hub.tab(3 + index, { model: pool.model, msPerLayer }),
  )
  for (const tab of waiting) {
    tab.join()
    await pool.clock.settle()
  }
  return [...seats, ...waiting]
}

const toldOf = <T extends DeskCommand['type']>(tab: FakeTab, type: T) =>
  tab.commands.findLast(command => command.type === type) as Extract<DeskCommand, { type: T }>

describe('the desk and standbys', () => {
  it('tells a standby and the seats how to reach each other, in a secret of each pair', async () => {
    const pool = createTestPool()
    const [a, b, c] = await joinAll(pool, 1)
    const { epoch, coalition, kvBudgetBytes, seats, maxContext } = a!.assignment()
    const prepared = toldOf(c!, 'prepare-slice')
    expect(prepared).toMatchObject({ epoch, coalition, maxContext, model: pool.model })
    expect([...pool.hub.coalitions.values()]).toEqual([[a!.peer, b!.peer, c!.peer]])
    const secretTo = (tab: FakeTab, peer: string): string | undefined =>
      toldOf(tab, 'routes-renewed').routes.find(route => route.peer === peer)?.secret
    expect(prepared.routes.map(({ peer, secret }) => [peer, secret])).toEqual([
      [a!.peer, secretTo(a!, c!.peer)],
      [b!.peer, secretTo(b!, c!.peer)],
    ])
    expect(secretTo(a!, b!.peer)).toBe(a!.assignment().routes[0]!.secret)
    expect(new Set(prepared.routes.map(({ secret }) => secret)).size).toBe(2)
    // As for the seat: what is loaded under another budget would be loaded anew.
    const covered = seats.find(seat => seat.layers.start === prepared.layers.start)!
    const holder = [a!, b!].find(tab => tab.peer === covered.peer)!
    expect(prepared.kvBudgetBytes).toBe(holder.assignment().kvBudgetBytes)
    holder.vanish()
    await pool.clock.settle()
    expect(c!.assignment()).toMatchObject({ kvBudgetBytes, epoch: epoch + 1 })
  })

  it('goes on with an answer on the ring that the standby completes', async () => {
    const pool = createTestPool()
    const [a, b, c] = await joinAll(pool, 1)
    const answer = readTokens(pool.desk.submit(order))
    const first = await a!.nextJob()
    a!.tokens(first.requestId, [5, 6])
    const lost = toldOf(c!, 'prepare-slice').layers.start === 0 ? a! : b!
    lost.vanish()
    await pool.clock.settle()
    const entry = lost === a ? c! : a!
    const again = await entry.nextJob()
    expect(again).toMatchObject({ promptTokens: [1, 2], generatedTokens: [5, 6] })
    entry.token(again.requestId, 0, 7)
    entry.finish(again.requestId, 'stop')
    expect(await answer).toEqual({ tokens: [5, 6, 7], code: null })
    expect(pool.faults).toEqual([])
  })

  it('keeps an answer for a seat that comes back within five seconds', async () => {
    const pool = createTestPool()
    const [a, b] = await pool.joinTabs(2)
    const answer = readTokens(pool.desk.submit(order))
    a!.token((await a!.nextJob()).requestId, 0, 5)
    const { layers } = b!.assignment().seats[1]!
    b!.vanish()
    const waits = readTokens(pool.desk.submit(order))
    await pool.clock.advance(4000)
    b!.join(layers)
    await pool.clock.settle()
    for (const tokens of [[6], [9]]) {
      const job = await a!.nextJob()
      a!.tokens(job.requestId, tokens)
      a!.finish(job.requestId, 'stop')
    }
    expect([await answer, await waits]).toEqual([
      { tokens: [5, 6], code: null },
      { tokens: [9], code: null },
    ])
  })

  it('gives an answer up when nobody came back, and at once where the seat left on purpose', async () => {
    const pool = createTestPool()
    const [a, b] = await pool.joinTabs(2)
    const answer = readTokens(pool.desk.submit(order))
    a!.token((await a!.nextJob()).requestId, 0, 5)
    b!.vanish()
    await pool.clock.advance(4000)
    expect(pool.desk.snapshot().queuedRequests).toBe(1)
    await pool.clock.advance(1000)
    expect(await answer).toEqual({ tokens: [5], code: 'swarm_coalition_lost' })
    expect(() => pool.desk.requireRing()).toThrow(expect.objectContaining({ code: 'swarm_layers_missing' }))
    b!.join()
    await pool.clock.settle()
    const next = readTokens(pool.desk.submit(order))
    await a!.nextJob()
    b!.leave()
    expect(await next).toEqual({ tokens: [], code: 'swarm_coalition_lost' })
    await pool.clock.advance(1000)
    expect(pool.clock.pending).toBe(0)
  })

  it('stops an answer at once when a link closes, and goes on when it opens again', async () => {
    const pool = createTestPool()
    const [a, b] = await pool.joinTabs(2)
    const answer = readTokens(pool.desk.submit(order))
    const first = await a!.nextJob()
    a!.token(first.requestId, 0, 5)
    b!.openLinks(false)
    expect(a!.cancelled).toEqual([first.requestId])
    b!.openLinks()
    const again = await a!.nextJob()
    expect(again.generatedTokens).toEqual([5])
    a!.finish(again.requestId, 'stop')
    expect(await answer).toEqual({ tokens: [5], code: null })
    expect(a!.assignment().epoch).toBe(toldOf(b!, 'assign-slice').epoch)
  })

  it('gives the place of one that lost its link to a standby', async () => {
    const pool = createTestPool()
    const [a, b, c] = await joinAll(pool, 1)
    const { epoch } = a!.assignment()
    b!.openLinks(false)
    await pool.clock.advance(5000)
    expect(c!.assignment()).toMatchObject({ epoch: epoch + 1 })
    expect(pool.desk.snapshot()).toMatchObject({ status: 'ready' })
  })
})

describe('the desk and a ring whose seat turned slow', () => {
  const hide = (tab: FakeTab): void => {
    const stats = { requests: 1, stepMs: null, weightsBytes: 1, kvBytes: 1, tokensServed: 0 }
    tab.say({ type: 'stats-reported', ...stats, isHidden: true })
  }

  it('lets what runs finish, keeps what comes, and goes on without it', async () => {
    const pool = createTestPool()
    const [a, b, c] = await joinAll(pool, 1, 20)
    await pool.clock.advance(60_000)
    const running = readTokens(pool.desk.submit(order))
    const { requestId } = await a!.nextJob()
    hide(b!)
    await pool.clock.advance(1000)
    expect(pool.desk.snapshot()).toMatchObject({ status: 'forming', rings: [{ status: 'draining' }] })
    const next = readTokens(pool.desk.submit(order))
    await pool.clock.advance(5000)
    a!.token(requestId, 0, 5)
    a!.finish(requestId, 'stop')
    expect(await running).toEqual({ tokens: [5], code: null })
    await pool.clock.settle()
    const seats = c!.assignment().seats.map(({ peer }) => peer)
    expect(seats).not.toContain(b!.peer)
    const entry = [a!, c!].find(tab => tab.peer === seats[0])!
    const job = await entry.nextJob()
    entry.finish(job.requestId, 'stop')
    expect(await next).toEqual({ tokens: [], code: null })
    expect(pool.faults).toEqual([])
  })

  it('moves an answer that does not end in time', async () => {
    const pool = createTestPool()
    const [a, b, c] = await joinAll(pool, 1, 20)
    await pool.clock.advance(60_000)
    const running = readTokens(pool.desk.submit(order))
    const first = await a!.nextJob()
    hide(b!)
    a!.token(first.requestId, 0, 5)
    await pool.clock.advance(10_000)
    expect(a!.cancelled).toEqual([])
    await pool.clock.advance(2000)
    expect(a!.cancelled).toEqual([first.requestId])
    const entry = [a!, c!].find(tab => tab.peer === c!.assignment().seats[0]!.peer)!
    const again = await entry.nextJob()
    expect(again.generatedTokens).toEqual([5])
    entry.finish(again.requestId, 'stop')
    expect(await running).toEqual({ tokens: [5], code: null })
  })
})

describe('the desk and several rings', () => {
  it('serves requests on all of them, each on its own caches, and loses only one at a time', async () => {
    const requests = { maxRunning: 1, maxQueued: 4, stallTimeoutMs: 60_000, queueTimeoutMs: 30_000 }
    const pool = createTestPool({ requests })
    const tabs = await joinAll(pool, 3)
    const { rings = [], seats } = pool.desk.snapshot()
    expect(rings.map(ring => [ring.status, ring.seats.length, ring.standbys.length])).toEqual([
      ['ready', 2, 1],
      ['ready', 2, 0],
    ])
    expect(seats).toEqual(rings[0]!.seats)
    const entries = rings.map(ring => tabs.find(tab => tab.peer === ring.seats[0]!.peer)!)
    const answers = [pool.desk.submit(order), pool.desk.submit(order)].map(readTokens)
    const jobs = await Promise.all(entries.map(entry => entry.nextJob()))
    entries[0]!.token(jobs[0]!.requestId, 0, 1)
    entries[1]!.token(jobs[1]!.requestId, 0, 2)
    const second = tabs.find(tab => tab.peer === rings[1]!.seats[1]!.peer)!
    second.leave()
    entries[0]!.finish(jobs[0]!.requestId, 'stop')
    await pool.clock.settle()
    const moved = await Promise.race(entries.map(entry => entry.nextJob().then(job => ({ entry, job }))))
    expect(moved.job.generatedTokens).toEqual([2])
    moved.entry.finish(moved.job.requestId, 'stop')
    expect(await Promise.all(answers)).toEqual([
      { tokens: [1], code: null },
      { tokens: [2], code: null },
    ])
    expect(pool.faults).toEqual([])
  })
})
