import { ComputePoolError } from '@computepool/shared/errors'
import { describe, expect, it } from 'vitest'
import { openFakeRings, orderOf } from '../../testing/fake-rings.ts'
import { readAnswer } from '../../testing/read-answer.ts'

/** The refusal of a submission; null where it was taken. */
function refusal(submit: () => unknown): { code: string; retryAfterSeconds: unknown } | null {
  try {
    submit()
    return null
  } catch (thrown) {
    const { code, context } = thrown as ComputePoolError
    return { code, retryAfterSeconds: context.retryAfterSeconds }
  }
}

describe('the queue', () => {
  it('takes one of each client in turn, so that none crowds out another', () => {
    const { table, ring, jobs, finish } = openFakeRings({ maxRunning: 1, maxQueued: 10 })
    table.setRings([ring(1)], null)
    for (const [token, client] of [
      [1, 'a'],
      [2, 'a'],
      [3, 'a'],
      [4, 'b'],
      [5, 'c'],
    ] as const) {
      table.submit(orderOf({ promptTokens: [token], client }))
    }
    for (let served = 0; served < 5; served++) finish(1, jobs(1)[served]!.requestId)
    expect(jobs(1).map(({ promptTokens }) => promptTokens[0])).toEqual([1, 2, 4, 5, 3])
  })

  it('has room for half of it a client, and says how long the rest takes as measured', async () => {
    const { table, ring, jobs, finish, clock, draw } = openFakeRings({ maxRunning: 1, maxQueued: 4 })
    table.setRings([ring(1)], null)
    const submit = (client: string) => table.submit(orderOf({ client }))
    // An answer of 10 s: what the pool takes from now on.
    submit('a')
    draw(1, jobs(1)[0]!, 6)
    await clock.advance(10_000)
    finish(1, jobs(1)[0]!.requestId)
    for (const client of ['a', 'a', 'a']) submit(client)
    // Two of its own wait, and nobody else: its next turn is one answer away.
    expect(refusal(() => submit('a'))).toEqual({ code: 'swarm_busy', retryAfterSeconds: 10 })
    submit('b')
    submit('c')
    // Four wait for one ring.
    expect(refusal(() => submit('d'))).toEqual({ code: 'swarm_overloaded', retryAfterSeconds: 40 })
    expect(refusal(() => submit('a'))).toEqual({ code: 'swarm_busy', retryAfterSeconds: 30 })
    expect(table.queued()).toBe(4)
  })

  it('gives up what waits too long', async () => {
    const { table, ring, clock } = openFakeRings({ maxRunning: 1 })
    table.setRings([ring(1)], null)
    table.submit(orderOf())
    const waits = readAnswer(table.submit(orderOf()))
    await clock.advance(30_000)
    expect(await waits).toEqual({ tokens: [], end: 'swarm_overloaded' })
  })

  it('lets no small request overtake a large one, which the caches have no room for yet', () => {
    const { table, ring, jobs, finish } = openFakeRings({ maxRunning: 8 })
    table.setRings([ring(1, { kvBudgetBytes: 1024 })], null)
    const submit = (maxTokens: number) => table.submit(orderOf({ maxTokens }))
    for (const maxTokens of [500, 1000, 10]) submit(maxTokens)
    expect(jobs(1).map(job => job.maxTokens)).toEqual([500])
    finish(1, jobs(1)[0]!.requestId)
    expect(jobs(1).map(job => job.maxTokens)).toEqual([500, 1000])
    finish(1, jobs(1)[1]!.requestId)
    expect(jobs(1).map(job => job.maxTokens)).toEqual([500, 1000, 10])
  })
})

describe('several rings', () => {
  it('share requests so that each is expected to end first', () => {
    const { table, ring, jobs } = openFakeRings({ maxRunning: 8 })
    table.setRings([ring(1, { expectedLapMs: 10 }), ring(2, { expectedLapMs: 25 })], null)
    for (let count = 0; count < 7; count++) table.submit(orderOf({ maxTokens: 100 }))
    // Two fill the quick ring’s two seats; with five on it a lap takes as long as on the slow one.
    expect([jobs(1).length, jobs(2).length]).toEqual([5, 2])
    expect([table.runningOn(1), table.runningOn(2), table.running()]).toEqual([5, 2, 7])
  })

  it('are judged by their laps as measured, once there are any', () => {
    const { table, ring, jobs, draw, finish } = openFakeRings({ maxRunning: 8 })
    const both = [ring(1, { expectedLapMs: 10 }), ring(2, { expectedLapMs: 20 })]
    table.setRings(both, null)
    table.submit(orderOf({ maxTokens: 100 }))
    draw(1, jobs(1)[0]!, 50, { lapMs: 80 })
    finish(1, jobs(1)[0]!.requestId)
    table.submit(orderOf({ maxTokens: 100 }))
    expect([jobs(1).length, jobs(2).length]).toEqual([1, 1])
  })

  it('each count their own caches', () => {
    const { table, ring, jobs } = openFakeRings({ maxRunning: 8 })
    // Two of 256 positions each.
    const small = { kvBudgetBytes: 512 }
    table.setRings([ring(1, small), ring(2, small)], null)
    for (let count = 0; count < 5; count++) table.submit(orderOf())
    expect([jobs(1).length, jobs(2).length, table.queued()]).toEqual([2, 2, 1])
  })

  it('let a request wait for a quick one rather than begin on one that is much slower', () => {
    const { table, ring, jobs, draw, finish } = openFakeRings({ maxRunning: 1 })
    table.setRings([ring(1, { expectedLapMs: 10 }), ring(2, { expectedLapMs: 1000 })], null)
    table.submit(orderOf({ maxTokens: 100 }))
    table.submit(orderOf({ maxTokens: 100 }))
    draw(1, jobs(1)[0]!, 90)
    expect([jobs(2).length, table.queued()]).toEqual([0, 1])
    finish(1, jobs(1)[0]!.requestId)
    expect([jobs(1).length, table.queued()]).toEqual([2, 0])
  })

  it('do not stand idle for ever while a request waits for a quick one that is no longer about to be free', async () => {
    const { table, ring, jobs, draw, clock } = openFakeRings({ maxRunning: 1, queueTimeoutMs: 60_000 })
    table.setRings([ring(1, { expectedLapMs: 10 }), ring(2, { expectedLapMs: 40 })], null)
    table.submit(orderOf({ maxTokens: 2000 }))
    draw(1, jobs(1)[0]!, 200)
    // The quick ring’s answer has run nearly as long as answers do: it should be over soon.
    table.submit(orderOf({ maxTokens: 100 }))
    expect(jobs(2)).toHaveLength(0)
    // It has not ended, and the longer it was the longer it may still be.
    draw(1, jobs(1)[0]!, 600, { from: 200 })
    expect([jobs(2).length, table.queued(), clock.pending]).toEqual([1, 0, 2])
  })

  it('serve whoever has waited longer than was foretold, though the quick one says nothing', async () => {
    const { table, ring, jobs, draw, clock } = openFakeRings({ maxRunning: 1, queueTimeoutMs: 60_000 })
    table.setRings([ring(1, { expectedLapMs: 10 }), ring(2, { expectedLapMs: 1000 })], null)
    table.submit(orderOf({ maxTokens: 100 }))
    draw(1, jobs(1)[0]!, 90)
    table.submit(orderOf({ maxTokens: 100 }))
    expect(jobs(2)).toHaveLength(0)
    await clock.advance(1000)
    expect([jobs(2).length, table.queued()]).toEqual([1, 0])
  })

  it('are open to those behind one that waits for another of them', () => {
    const { table, ring, jobs, draw, finish } = openFakeRings({ maxRunning: 1, maxQueued: 10 })
    table.setRings([ring(1, { expectedLapMs: 10 }), ring(2, { expectedLapMs: 19 })], null)
    for (const client of ['a', 'b', 'c']) {
      table.submit(orderOf({ client, maxTokens: 100, promptTokens: [client.charCodeAt(0)] }))
      if (client === 'a') draw(1, jobs(1)[0]!, 95)
    }
    // The second has its place in a moment; the third would have to wait for a whole answer.
    expect(jobs(2).map(({ promptTokens }) => promptTokens[0])).toEqual(['c'.charCodeAt(0)])
    finish(1, jobs(1)[0]!.requestId)
    expect(jobs(1).map(({ promptTokens }) => promptTokens[0])).toEqual(['a', 'b'].map(name => name.charCodeAt(0)))
  })

  it('of too little context are not asked where another has enough', () => {
    const { table, ring, jobs } = openFakeRings()
    table.setRings([ring(1, { maxContext: 50, expectedLapMs: 1 }), ring(2)], null)
    table.submit(orderOf({ maxTokens: 100 }))
    expect([jobs(1).length, jobs(2).length]).toEqual([0, 1])
  })

  it('take over from one another', async () => {
    const { table, ring, jobs, draw, finish } = openFakeRings()
    table.setRings([ring(1), ring(2, { expectedLapMs: 50 })], null)
    const answer = readAnswer(table.submit(orderOf()))
    draw(1, jobs(1)[0]!, 2)
    table.interrupt(1, new ComputePoolError('swarm_coalition_lost', 'Gone.'))
    draw(2, jobs(2)[0]!, 4)
    finish(2, jobs(2)[0]!.requestId)
    expect((await answer).tokens).toHaveLength(6)
  })
})

describe('the next turn of a conversation', () => {
  const first = Array.from({ length: 40 }, (_, index) => index)
  const turn = { client: 'a', cacheScope: 'a', keepsCache: true, maxTokens: 2 }

  /** A ring, and an answer on it that ended well. */
  function afterOne(change: object = {}) {
    const rings = openFakeRings()
    const { table, ring, jobs, draw, finish } = rings
    table.setRings([ring(1)], null)
    table.submit(orderOf({ ...turn, promptTokens: first, ...change }))
    const job = jobs(1)[0]!
    draw(1, job, 2)
    finish(1, job.requestId)
    const drawn = [...first, 65 + ((40 * 7) % 26)]
    return { ...rings, job, next: [...drawn, 65 + ((41 * 7) % 26), 1, 2] }
  }

  it('begins with the caches that the last one left, but for the token that was never fed', () => {
    const { table, jobs, job, next } = afterOne()
    expect(job).toMatchObject({ keepCache: true })
    const live = table.submit(orderOf({ ...turn, promptTokens: next }))
    const second = jobs(1)[1]!
    expect(second.reuse).toEqual({ requestId: job.requestId, positions: 41 })
    table.submit(orderOf({ ...turn, promptTokens: next }))
    expect(jobs(1)[2]!.reuse).toBe(undefined)
    expect(live.cachedTokens()).toBe(0)
  })

  it('tells what the entry says was there, not more than was asked for', () => {
    const { table, jobs, next, say, draw } = afterOne()
    const live = table.submit(orderOf({ ...turn, promptTokens: next }))
    const job = jobs(1)[1]!
    say(1, { type: 'request-flowing', requestId: job.requestId, cachedTokens: 500 })
    draw(1, job, 1)
    expect(live.cachedTokens()).toBe(41)
  })

  it('is computed anew where a tab has the cache no more', async () => {
    const { table, jobs, next, say, fail, draw, finish } = afterOne()
    const live = table.submit(orderOf({ ...turn, promptTokens: next }))
    const answer = readAnswer(live)
    const job = jobs(1)[1]!
    say(1, { type: 'request-flowing', requestId: job.requestId, cachedTokens: 41 })
    fail(1, job.requestId, 'engine_prefix_missing')
    const again = jobs(1)[2]!
    expect(again.reuse).toBe(undefined)
    say(1, { type: 'request-flowing', requestId: again.requestId })
    draw(1, again, 2)
    finish(1, again.requestId)
    expect((await answer).end).toBe('length')
    expect([live.cachedTokens(), live.moves()]).toEqual([0, 1])
  })

  it.each([
    ['another’s', { cacheScope: 'b' }],
    ['nobody’s', { cacheScope: undefined }],
  ])('has no part in %s caches', (_, change) => {
    const { table, jobs, next } = afterOne()
    table.submit(orderOf({ ...turn, promptTokens: next, ...change } as Parameters<typeof orderOf>[0]))
    expect(jobs(1)[1]!.reuse).toBe(undefined)
  })

  it('finds nothing of a ring that is gone, nor of an answer that was cancelled', () => {
    const { table, ring, jobs, next } = afterOne()
    table.setRings([ring(2)], null)
    table.submit(orderOf({ ...turn, promptTokens: next })).cancel()
    expect(jobs(2)[0]!.reuse).toBe(undefined)
    table.submit(orderOf({ ...turn, promptTokens: [...next, 7, 8, 9] }))
    expect(jobs(2)[1]!.reuse).toBe(undefined)
  })

  it('goes where its caches are, unless the way is much longer there', () => {
    const { table, ring, jobs, next } = afterOne()
    table.setRings([ring(2, { expectedLapMs: 9 }), ring(1, { expectedLapMs: 10 })], null)
    table.submit(orderOf({ ...turn, promptTokens: next }))
    expect([jobs(1).length, jobs(2).length]).toEqual([2, 0])
  })
})
