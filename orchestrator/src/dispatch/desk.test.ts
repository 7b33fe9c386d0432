import { greedy } from '@computepool/shared/pipeline'
import { describe, expect, it } from 'vitest'
import { createTestPool } from '../../testing/test-pool.ts'
import type { LiveRequest, RequestObserver, RequestOutcome } from './index.ts'

const order = { promptTokens: [1, 2], maxTokens: 4, stopTokens: [], sampling: greedy }

/** What a request's reader sees until its end. */
async function read(live: LiveRequest): Promise<{ events: Array<number | 'finished'>; code: string | null }> {
  const events: Array<number | 'finished'> = []
  try {
    for await (const event of live.events) events.push(event.type === 'token' ? event.sampled.token : event.type)
    return { events, code: null }
  } catch (error) {
    return { events, code: (error as { code: string }).code }
  }
}

describe('the desk', () => {
  it('lets only the members of a coalition signal each other', async () => {
    const pool = createTestPool()
    const [a, b] = await pool.joinTabs(2)
    expect([...pool.hub.coalitions.values()]).toEqual([[a!.peer, b!.peer]])
    b!.leave()
    expect([...pool.hub.coalitions.values()]).toEqual([])
  })

  it('fails what runs when a tab is lost, and serves again with the next one', async () => {
    const pool = createTestPool()
    const [entry, exit] = await pool.joinTabs(2)
    const lost = read(pool.desk.submit(order))
    const { requestId } = await entry!.nextJob()
    entry!.token(requestId, 0, 1)
    exit!.leave()
    expect(await lost).toEqual({ events: [1], code: 'swarm_coalition_lost' })
    expect(entry!.cancelled).toEqual([requestId])
    expect(() => pool.desk.submit(order)).toThrow(expect.objectContaining({ code: 'swarm_layers_missing' }))
    pool.hub.tab(3, { model: pool.model }).join()
    await pool.clock.settle()
    const served = read(pool.desk.submit(order))
    const next = await entry!.nextJob()
    entry!.token(next.requestId, 0, 1)
    entry!.finish(next.requestId, 'stop')
    expect(await served).toEqual({ events: [1, 'finished'], code: null })
  })

  it('takes what runs and what waits to the next coalition', async () => {
    const requests = { maxRunning: 1, maxQueued: 4, stallTimeoutMs: 60_000, queueTimeoutMs: 30_000 }
    const pool = createTestPool({ requests })
    const [entry, exit] = await pool.joinTabs(2)
    const first = read(pool.desk.submit(order))
    const second = read(pool.desk.submit(order))
    const waited = read(pool.desk.submit(order))
    const { requestId } = await entry!.nextJob()
    entry!.token(requestId, 0, 7)
    pool.hub.tab(3, { model: pool.model }).join()
    exit!.leave()
    await pool.clock.settle()
    const moved = await entry!.nextJob()
    expect(moved).toMatchObject({ promptTokens: [1, 2], generatedTokens: [7], maxTokens: 3 })
    entry!.token(requestId, 1, 9)
    entry!.token(moved.requestId, 0, 8)
    entry!.finish(moved.requestId, 'stop')
    expect(await first).toEqual({ events: [7, 8, 'finished'], code: null })
    const next = await entry!.nextJob()
    entry!.finish(next.requestId, 'stop')
    expect((await second).code).toBe(null)
    const last = await entry!.nextJob()
    await pool.clock.advance(31_000)
    entry!.finish(last.requestId, 'stop')
    expect((await waited).code).toBe(null)
  })

  it('gives up what waits too long', async () => {
    const requests = { maxRunning: 1, maxQueued: 4, stallTimeoutMs: 60_000, queueTimeoutMs: 30_000 }
    const pool = createTestPool({ requests })
    await pool.joinTabs(2)
    void read(pool.desk.submit(order))
    const waits = read(pool.desk.submit(order))
    await pool.clock.advance(30_000)
    expect((await waits).code).toBe('swarm_overloaded')
  })

  it('takes tokens from the entry only, in order, within what was asked and what exists', async () => {
    const pool = createTestPool()
    const [entry, exit] = await pool.joinTabs(2)
    const wrongs: Array<(requestId: string) => void> = [
      id => entry!.token(id, 2, 1),
      id => entry!.token(id, 1, 288),
      id => entry!.tokens(id, [1, 1, 1, 1, 1]),
    ]
    const codes: unknown[] = []
    for (const wrong of wrongs) {
      const live = read(pool.desk.submit(order))
      const { requestId } = await entry!.nextJob()
      exit!.token(requestId, 0, 7)
      entry!.token(requestId, 0, 1)
      entry!.token(requestId, 0, 1)
      wrong(requestId)
      const { events, code } = await live
      codes.push([events, code])
    }
    expect(codes).toEqual([
      [[1], 'peer_message_invalid'],
      [[1], 'peer_message_invalid'],
      [[1, 1, 1, 1], 'peer_message_invalid'],
    ])
  })

  it('tells an observer when work flows, of each token, and once of the end', async () => {
    const pool = createTestPool()
    const [entry, exit] = await pool.joinTabs(2)
    const said: unknown[] = []
    const observer: RequestObserver = {
      onFlowing: (_, atMs) => said.push(['flowing', atMs]),
      onToken: (_, atMs) => said.push(['token', atMs]),
      onEnded: (_, { atMs, tokens, outcome }) => said.push(['ended', atMs, tokens, outcome]),
    }
    const live = pool.desk.submit(order, observer)
    const answer = read(live)
    const { requestId } = await entry!.nextJob()
    await pool.clock.advance(5)
    exit!.flow(requestId)
    await pool.clock.advance(5)
    entry!.flow(requestId)
    entry!.flow(requestId)
    await pool.clock.advance(30)
    entry!.token(requestId, 0, 1)
    await pool.clock.advance(10)
    entry!.finish(requestId, 'stop')
    entry!.finish(requestId, 'stop')
    await answer
    live.cutShort('cap')
    live.cancel()
    expect(said).toEqual([
      ['flowing', 10],
      ['token', 40],
      ['ended', 50, 1, 'stop'],
    ])
  })

  it('cuts an answer short as finished, and stops the tabs', async () => {
    const pool = createTestPool()
    const [entry] = await pool.joinTabs(2)
    const ends: RequestOutcome[] = []
    const live = pool.desk.submit(order, {
      onFlowing: () => {},
      onToken: () => live.cutShort('cap'),
      onEnded: (_, { outcome }) => ends.push(outcome),
    })
    const answer = read(live)
    const { requestId } = await entry!.nextJob()
    entry!.token(requestId, 0, 1)
    entry!.token(requestId, 1, 1)
    expect(await answer).toEqual({ events: [1, 'finished'], code: null })
    expect(entry!.cancelled).toEqual([requestId])
    expect(ends).toEqual(['cap'])
  })

  it('leaves no timer behind', async () => {
    const pool = createTestPool()
    const [entry] = await pool.joinTabs(2)
    const live = read(pool.desk.submit(order))
    entry!.finish((await entry!.nextJob()).requestId, 'stop')
    await live
    pool.desk.close()
    await pool.clock.advance(2000)
    expect(pool.clock.pending).toBe(0)
  })

  it('places a wallet whose wait is over without a word from anybody', async () => {
    const pool = createTestPool()
    const { model } = pool
    pool.hub.tab(1, { model, isEager: false }).join()
    const error = { code: 'engine_self_test_failed', message: 'Layer 4 is off.', remedy: '', context: {} }
    for (const start of [1, 2]) {
      const tab = pool.hub.tab(2, { model, isEager: false, start })
      tab.join()
      tab.say({ type: 'slice-refused', epoch: tab.assignment().epoch, error })
      tab.leave()
    }
    const third = pool.hub.tab(2, { model, isEager: false, start: 3 })
    third.join()
    await pool.clock.advance(29_000)
    expect(pool.desk.snapshot()).toMatchObject({
      status: 'waiting',
      explanation: expect.stringContaining('gets no slice for 30 s: its peers failed 2 times.'),
    })
    await pool.clock.advance(2000)
    expect(third.assignment().seats).toHaveLength(2)
  })
})
