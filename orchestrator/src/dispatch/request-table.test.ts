import { ComputePoolError } from '@computepool/shared/errors'
import { describe, expect, it } from 'vitest'
import { openFakeRings, orderOf, wholeText } from '../../testing/fake-rings.ts'
import { readAnswer } from '../../testing/read-answer.ts'
import type { RequestOutcome } from './index.ts'

const lost = new ComputePoolError('swarm_coalition_lost', 'The tab closed.')

/** A table whose ring 1 is ready, and an answer of six tokens that runs on it. */
function start(limits: Parameters<typeof openFakeRings>[0] = {}) {
  const rings = openFakeRings(limits)
  rings.table.setRings([rings.ring(1)], null)
  const ended: Array<[string, number, RequestOutcome]> = []
  const live = rings.table.submit(orderOf(), {
    onFlowing: () => {},
    onToken: () => {},
    onEnded: (id, { tokens, outcome }) => ended.push([id, tokens, outcome]),
  })
  return { ...rings, live, ended, answer: readAnswer(live), job: rings.jobs(1)[0]! }
}

describe('an answer whose ring is lost', () => {
  it('goes on at the next token on another ring, however often, with no token lost, doubled or changed', async () => {
    const { table, ring, jobs, draw, finish, cancelled, live, answer, ended, job } = start()
    draw(1, job, 2)
    table.interrupt(1, lost)
    table.setRings([], null)
    expect([table.running(), table.queued(), cancelled(1)]).toEqual([0, 1, [job.requestId]])
    // What the old entry still says is nobody's word.
    draw(1, job, 1, { from: 2 })
    finish(1, job.requestId)
    table.setRings([ring(2)], null)
    const second = jobs(2)[0]!
    expect(second).toMatchObject({ generatedTokens: wholeText(3, 2), maxTokens: 4 })
    expect(second.requestId).not.toBe(job.requestId)
    draw(2, second, 3)
    table.interrupt(2, lost)
    table.setRings([ring(3)], null)
    const third = jobs(3)[0]!
    draw(3, third, 1)
    finish(3, third.requestId)
    expect(await answer).toEqual({ tokens: wholeText(3, 6), end: 'length' })
    expect([live.moves(), live.seats()[0]!.peer]).toEqual([2, ring(3).seats[0]!.peer])
    expect(ended).toEqual([
      [job.requestId, 2, 'moved'],
      [second.requestId, 3, 'moved'],
      [third.requestId, 1, 'length'],
    ])
  })

  it('needs no other ring where all its tokens are drawn', async () => {
    const { table, draw, answer, job, ended } = start()
    draw(1, job, 6)
    table.interrupt(1, lost)
    expect(await answer).toEqual({ tokens: wholeText(3, 6), end: 'length' })
    expect(ended).toEqual([[job.requestId, 6, 'length']])
    const stopped = openFakeRings()
    stopped.table.setRings([stopped.ring(1)], null)
    const ends = readAnswer(stopped.table.submit(orderOf({ stopTokens: [wholeText(3, 2)[1]!] })))
    stopped.draw(1, stopped.jobs(1)[0]!, 2)
    stopped.table.interrupt(1, lost)
    expect(await ends).toEqual({ tokens: wholeText(3, 2), end: 'stop' })
  })

  it('ends at once with the error where no other ring is to be expected', async () => {
    const { table, draw, answer, job, ended, clock } = start()
    draw(1, job, 2)
    table.interrupt(1, lost)
    table.setRings([], 'Layers 1–1 are missing.')
    expect(await answer).toEqual({ tokens: wholeText(3, 2), end: 'swarm_coalition_lost' })
    expect(ended.map(([, , outcome]) => outcome)).toEqual(['moved', 'failed'])
    expect(() => table.submit(orderOf())).toThrow(expect.objectContaining({ code: 'swarm_layers_missing' }))
    expect(clock.pending).toBe(0)
  })

  it('waits no longer than it may', async () => {
    const { table, answer, clock, draw, job } = start({ moveTimeoutMs: 5000 })
    draw(1, job, 1)
    table.interrupt(1, lost)
    table.setRings([], null)
    await clock.advance(4999)
    expect(table.queued()).toBe(1)
    await clock.advance(1)
    expect(await answer).toEqual({ tokens: wholeText(3, 1), end: 'swarm_coalition_lost' })
    expect([table.queued(), clock.pending]).toEqual([0, 0])
  })

  it('stands before all that waits', async () => {
    const { table, ring, jobs, answer, finish } = start({ maxRunning: 1 })
    const second = readAnswer(table.submit(orderOf({ promptTokens: [9] })))
    table.interrupt(1, lost)
    table.setRings([ring(2)], null)
    expect(jobs(2).map(({ promptTokens }) => promptTokens)).toEqual([[1, 2, 3]])
    finish(2, jobs(2)[0]!.requestId)
    finish(2, jobs(2)[1]!.requestId)
    expect([(await answer).end, (await second).end]).toEqual(['length', 'length'])
  })

  it.each(['cancel', 'cap'] as const)('can be ended while it waits: %s', async how => {
    const { table, ring, jobs, live, answer, ended, clock } = start()
    table.interrupt(1, lost)
    table.setRings([], null)
    if (how === 'cancel') live.cancel()
    else live.cutShort('cap')
    table.setRings([ring(2)], null)
    expect((await answer).end).toBe(how === 'cancel' ? null : 'cap')
    expect(ended.map(([, , outcome]) => outcome)).toEqual(['moved', how === 'cancel' ? 'cancelled' : 'cap'])
    expect([jobs(2), table.queued(), clock.pending]).toEqual([[], 0, 0])
  })

  it('ends by whoever is told of the interruption and wants no more', async () => {
    const rings = openFakeRings()
    rings.table.setRings([rings.ring(1)], null)
    const live = rings.table.submit(orderOf(), {
      onFlowing: () => {},
      onToken: () => {},
      onEnded: (_, { outcome }) => outcome === 'moved' && live.cutShort('cap'),
    })
    rings.table.interrupt(1, lost)
    rings.table.setRings([rings.ring(2)], null)
    expect((await readAnswer(live)).end).toBe('cap')
    expect([rings.jobs(2), rings.clock.pending]).toEqual([[], 0])
  })

  it('stays over where its first token finds the money spent', async () => {
    const rings = openFakeRings()
    rings.table.setRings([rings.ring(1)], null)
    const heard: string[] = []
    const live = rings.table.submit(orderOf(), {
      onFlowing: () => live.cutShort('cap'),
      onToken: id => heard.push(`token ${id}`),
      onEnded: (_, { outcome }) => heard.push(outcome),
    })
    rings.draw(1, rings.jobs(1)[0]!, 1)
    expect([rings.clock.pending, rings.laps.length]).toEqual([0, 0])
    await rings.clock.advance(120_000)
    expect(await readAnswer(live)).toEqual({ tokens: [], end: 'cap' })
    expect([heard, rings.jobs(1).length, rings.table.running()]).toEqual([['cap'], 1, 0])
  })

  it('fails with all others when the table is closed', async () => {
    const { table, answer, clock } = start()
    table.interrupt(1, lost)
    table.setRings([], null)
    const waits = readAnswer(table.submit(orderOf()))
    table.close(new ComputePoolError('swarm_coalition_lost', 'Closing.'))
    expect([(await answer).end, (await waits).end]).toEqual(['swarm_coalition_lost', 'swarm_coalition_lost'])
    expect(clock.pending).toBe(0)
  })
})

describe('an attempt that fails', () => {
  it('is made again, on another ring at once, on the same a little later', async () => {
    const { table, ring, clock, jobs, draw, fail, finish, answer, job } = start()
    draw(1, job, 1)
    fail(1, job.requestId, 'engine_device_lost')
    await clock.advance(499)
    expect(jobs(1)).toHaveLength(1)
    await clock.advance(1)
    const second = jobs(1)[1]!
    draw(1, second, 1)
    table.setRings([ring(1), ring(2)], null)
    fail(1, second.requestId, 'peer_disconnected')
    const third = jobs(2)[0]!
    draw(2, third, 4)
    finish(2, third.requestId)
    expect(await answer).toEqual({ tokens: wholeText(3, 6), end: 'length' })
    expect(clock.pending).toBe(0)
  })

  it('is the last where its ring takes no new ones, and no other is to be expected', async () => {
    const { table, fail, answer, job, cancelled, clock } = start()
    table.setRings([], 'The ring drains.')
    expect(table.runningOn(1)).toBe(1)
    fail(1, job.requestId, 'engine_failed')
    expect((await answer).end).toBe('engine_failed')
    // It is over where it failed: there is nothing to cancel.
    expect([cancelled(1), clock.pending]).toEqual([[], 0])
  })

  it('is made three times without a new token, not more', async () => {
    const { clock, jobs, draw, fail, answer, job } = start()
    draw(1, job, 1)
    for (let attempt = 0; attempt < 3; attempt++) {
      fail(1, jobs(1)[attempt]!.requestId, 'engine_failed')
      await clock.advance(2000)
    }
    expect(await answer).toEqual({ tokens: wholeText(3, 1), end: 'engine_failed' })
    expect([jobs(1).length, clock.pending]).toEqual([3, 0])
  })

  it('is made again as long as tokens come', async () => {
    const { clock, jobs, draw, fail, finish, answer } = start()
    for (let attempt = 0; attempt < 6; attempt++) {
      draw(1, jobs(1)[attempt]!, 1)
      if (attempt === 5) finish(1, jobs(1)[5]!.requestId)
      else fail(1, jobs(1)[attempt]!.requestId, 'engine_worker_died')
      await clock.advance(500)
    }
    expect(await answer).toEqual({ tokens: wholeText(3, 6), end: 'length' })
  })

  it.each(['engine_unavailable', 'peer_frame_invalid', 'swarm_busy', 'swarm_coalition_lost', 'engine_prefix_missing'])(
    'is made again after %s',
    async code => {
      const { clock, fail, job, jobs } = start()
      fail(1, job.requestId, code)
      await clock.advance(500)
      expect(jobs(1)).toHaveLength(2)
    },
  )

  it('is not made again where another would fail alike', async () => {
    const { fail, answer, job, jobs } = start()
    fail(1, job.requestId, 'input_context_too_long')
    expect((await answer).end).toBe('input_context_too_long')
    expect(jobs(1)).toHaveLength(1)
  })

  it('may fall silent once', async () => {
    const { clock, jobs, draw, cancelled, answer, job } = start()
    draw(1, job, 1)
    await clock.advance(60_500)
    expect(cancelled(1)).toEqual([job.requestId])
    expect(jobs(1)[1]).toMatchObject({ generatedTokens: wholeText(3, 1) })
    await clock.advance(60_400)
    expect(await answer).toEqual({ tokens: wholeText(3, 1), end: 'peer_timed_out' })
    expect([jobs(1).length, clock.pending]).toEqual([2, 0])
  })
})
