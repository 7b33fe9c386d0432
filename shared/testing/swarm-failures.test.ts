import { ComputePoolError } from '@computepool/shared/errors'
import { greedy } from '@computepool/shared/pipeline'
import { encodeControl, encodeFrame, encodeTokens } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import { fakeManifest } from './fake-manifest.ts'
import { createSeededRandom } from './seeded-random.ts'
import { seeds } from './seeds.ts'
import { fakeJob, fakePeer, openSwarm as openAnySwarm, type Swarm, type SwarmOptions } from './swarm.ts'

/** With a context that an endless request does not reach within a test. */
const openSwarm = (options: SwarmOptions): Swarm =>
  openAnySwarm({ manifest: fakeManifest({ dimensions: { context: 8192 } }), ...options })

const endless = (requestId: string, promptLength = 5) =>
  fakeJob(requestId, {
    promptTokens: Array.from({ length: promptLength }, (_, i) => i),
    maxTokens: 10_000,
    sampling: greedy,
  })

/** Moves time until the entry has reported `count` tokens. */
async function untilTokens(swarm: Swarm, requestId: string, count: number): Promise<void> {
  for (let turn = 0; swarm.tokensOf(requestId).length < count; turn += 1) {
    if (turn > 10_000) throw new Error(`Only ${swarm.tokensOf(requestId).length} tokens`)
    await swarm.clock.advance(1)
  }
}

function expectEmpty(swarm: Swarm, but: number[] = []): void {
  swarm.pipelines.forEach((pipeline, seat) => {
    if (but.includes(seat)) return
    expect(pipeline.stats().requests, `requests at seat ${seat}`).toBe(0)
    expect(swarm.engines[seat]!.memory().kvBytes, `cache of seat ${seat}`).toBe(0)
  })
}

describe('a request that is cancelled', () => {
  it('frees every cache, whenever it comes', async () => {
    for (const seed of seeds(40)) {
      const random = createSeededRandom(seed)
      const swarm = openSwarm({
        peers: 1 + random.int(5),
        link: { seed, delayMs: random.int(10), jitterMs: random.int(40) },
        engine: () => ({ maxChunk: 1 + random.int(8) }),
      })
      swarm.pipelines[0]!.submit(endless('r', 1 + random.int(60)))
      await swarm.clock.advance(random.int(400))
      swarm.pipelines[0]!.cancel('r')
      const drawn = swarm.tokensOf('r').length
      await swarm.clock.advance(3000)
      expect(swarm.endOf('r'), `seed ${seed}`).toMatchObject({ type: 'request-finished', reason: 'cancelled' })
      expect(swarm.tokensOf('r'), `seed ${seed}: tokens after the cancel`).toHaveLength(drawn)
      expectEmpty(swarm)
    }
  })

  it('stops the tabs within one step', async () => {
    const swarm = openSwarm({ peers: 2, stepMs: 10 })
    swarm.pipelines[0]!.submit(endless('r'))
    await untilTokens(swarm, 'r', 3)
    swarm.pipelines[0]!.cancel('r')
    const before = swarm.engines.map(engine => engine.steps())
    await swarm.clock.advance(5000)
    swarm.engines.forEach((engine, seat) => {
      expect(engine.steps() - before[seat]!).toBeLessThanOrEqual(1)
    })
  })
})

describe('a peer that is lost', () => {
  it.each([
    [2, 1],
    [3, 1],
    [3, 2],
    [5, 1],
    [5, 2],
    [5, 3],
    [5, 4],
  ])('of %i, seat %i: each request fails once, and nobody keeps a cache', async (peers, lost) => {
    for (let seed = 1; seed <= 12; seed += 1) {
      const random = createSeededRandom(seed)
      const swarm = openSwarm({ peers, link: { seed, delayMs: 3, jitterMs: random.int(30) } })
      for (const id of ['a', 'b']) swarm.pipelines[0]!.submit(endless(id, 1 + random.int(80)))
      await swarm.clock.advance(random.int(300))
      swarm.network.remove(swarm.peers[lost]!)
      await swarm.clock.advance(2000)
      for (const id of ['a', 'b'])
        expect(swarm.endOf(id), `seed ${seed}`).toMatchObject({
          type: 'request-failed',
          error: { code: 'peer_disconnected' },
        })
      expectEmpty(swarm, [lost])
      swarm.pipelines[0]!.submit(endless('later'))
      await swarm.untilEnd('later')
      expect(swarm.endOf('later')).toMatchObject({ error: { code: 'peer_disconnected' } })
    }
  })

  it('by a link that the ring does not use costs nothing, and a failure then comes around the ring', async () => {
    let isBroken = false
    const swarm = openSwarm({
      peers: 5,
      engine: seat => ({
        beforeStep: () => {
          if (isBroken && seat === 2) throw new ComputePoolError('engine_out_of_memory', 'No room.')
        },
      }),
    })
    swarm.pipelines[0]!.submit(endless('r'))
    await untilTokens(swarm, 'r', 2)
    swarm.network.cut(swarm.peers[0]!, swarm.peers[2]!)
    await untilTokens(swarm, 'r', 5)
    isBroken = true
    await swarm.clock.advance(100)
    expect(swarm.endOf('r')).toMatchObject({ type: 'request-failed', error: { code: 'engine_out_of_memory' } })
    expectEmpty(swarm)
  })

  it('frees the caches of all others where it was the entry', async () => {
    const swarm = openSwarm({ peers: 4 })
    swarm.pipelines[0]!.submit(endless('r'))
    await untilTokens(swarm, 'r', 2)
    swarm.network.remove(swarm.peers[0]!)
    await swarm.clock.advance(100)
    expectEmpty(swarm, [0])
  })

  it('is given up after the deadline where its link stays open but nothing comes', async () => {
    const swarm = openSwarm({ peers: 3 })
    swarm.pipelines[0]!.submit(endless('r'))
    await untilTokens(swarm, 'r', 4)
    swarm.network.stall(swarm.peers[1]!, swarm.peers[2]!)
    await swarm.clock.advance(9000)
    expect(swarm.endOf('r')).toBeUndefined()
    await swarm.clock.advance(3000)
    expect(swarm.endOf('r')).toMatchObject({ type: 'request-failed', error: { code: 'peer_timed_out' } })
    await swarm.clock.advance(200_000)
    expectEmpty(swarm)
  })
})

describe('an engine that fails', () => {
  it.each([0, 1, 2])('at seat %i fails its request with its own error, and the next request runs', async broken => {
    let isBroken = false
    const swarm = openSwarm({
      peers: 3,
      engine: seat => ({
        beforeStep: () => {
          if (isBroken && seat === broken) throw new ComputePoolError('engine_out_of_memory', 'No room.')
        },
      }),
    })
    swarm.pipelines[0]!.submit(endless('r'))
    await untilTokens(swarm, 'r', 2)
    isBroken = true
    await swarm.clock.advance(100)
    expect(swarm.endOf('r')).toMatchObject({ type: 'request-failed', error: { code: 'engine_out_of_memory' } })
    expectEmpty(swarm)
    isBroken = false
    swarm.pipelines[0]!.submit(fakeJob('next', { sampling: greedy }))
    await swarm.untilEnd('next')
    expect(swarm.tokensOf('next')).toHaveLength(8)
  })

  it('that loses its device fails all requests', async () => {
    const swarm = openSwarm({ peers: 3 })
    for (const id of ['a', 'b']) swarm.pipelines[0]!.submit(endless(id))
    await untilTokens(swarm, 'b', 2)
    swarm.engines[1]!.loseDevice()
    await swarm.clock.advance(200)
    for (const id of ['a', 'b']) expect(swarm.endOf(id)).toMatchObject({ error: { code: 'engine_device_lost' } })
    expectEmpty(swarm, [1])
  })

  it('spares the rows that shared its step', async () => {
    const swarm = openSwarm({
      peers: 2,
      seat: { maxRows: 4 },
      engine: seat => ({
        beforeStep: rows => {
          if (seat === 1 && rows.some(row => row.requestId === 'bad' && row.position > 6))
            throw new ComputePoolError('engine_out_of_memory', 'No room.')
        },
      }),
    })
    for (const id of ['good', 'bad', 'fine'])
      swarm.pipelines[0]!.submit(fakeJob(id, { maxTokens: 20, sampling: greedy }))
    await swarm.untilEnd('good')
    await swarm.untilEnd('fine')
    expect(swarm.endOf('bad')).toMatchObject({ error: { code: 'engine_out_of_memory' } })
    const alone = openSwarm({ peers: 1 })
    alone.pipelines[0]!.submit(fakeJob('good', { maxTokens: 20, sampling: greedy }))
    await alone.untilEnd('good')
    expect(swarm.tokensOf('good')).toEqual(alone.tokensOf('good'))
  })
})

describe('a peer that misbehaves', () => {
  const garbage = new Uint8Array([255, 255, 255, 255, 1, 2, 3])

  it('is shut out with a typed error, and other requests live on', async () => {
    const swarm = openSwarm({ peers: 4 })
    swarm.pipelines[0]!.submit(fakeJob('r', { maxTokens: 30, sampling: greedy }))
    await untilTokens(swarm, 'r', 2)
    // Seat 3 has no business with seat 1; the ring does not use their link.
    await swarm.network.transport(swarm.peers[3]!).send(swarm.peers[1]!, garbage)
    await swarm.untilEnd('r')
    expect(swarm.dropped).toMatchObject([
      { by: swarm.peers[1], peer: swarm.peers[3], error: { code: 'peer_frame_too_large' } },
    ])
    expect(swarm.endOf('r')).toMatchObject({ type: 'request-finished', reason: 'length' })
    expect(swarm.tokensOf('r')).toHaveLength(30)
  })

  it('fails the requests whose ring it is part of, once, with the frame’s error', async () => {
    const swarm = openSwarm({ peers: 3 })
    swarm.pipelines[0]!.submit(endless('r'))
    await untilTokens(swarm, 'r', 2)
    await swarm.network.transport(swarm.peers[2]!).send(swarm.peers[0]!, new Uint8Array([2, 0, 0, 0, 0x7b, 0x7d]))
    await swarm.clock.advance(200)
    expect(swarm.endOf('r')).toMatchObject({ type: 'request-failed', error: { code: 'peer_frame_invalid' } })
    expectEmpty(swarm)
  })

  it('cannot draw a token that only the exit may draw', async () => {
    const swarm = openSwarm({ peers: 3 })
    swarm.pipelines[0]!.submit(endless('r'))
    await untilTokens(swarm, 'r', 2)
    const forged = encodeFrame({
      header: { request_id: 'r', kind: 'token', dtype: 'int64', shape: [1], seq: 2, position: 7, epoch: 1 },
      payload: encodeTokens([333]),
    })
    await swarm.network.transport(swarm.peers[1]!).send(swarm.peers[0]!, forged)
    await swarm.clock.advance(100)
    expect(swarm.tokensOf('r')).not.toContain(333)
    expect(swarm.dropped[0]).toMatchObject({ peer: swarm.peers[1], error: { code: 'peer_frame_invalid' } })
  })

  it('from outside the coalition reaches nothing', async () => {
    const swarm = openSwarm({ peers: 2 })
    const stranger = fakePeer(9)
    swarm.network.connect(stranger, swarm.peers[1]!)
    swarm.pipelines[0]!.submit(fakeJob('r', { maxTokens: 30, sampling: greedy }))
    await untilTokens(swarm, 'r', 2)
    const { payload, ...control } = encodeControl({ type: 'end' })
    const end = encodeFrame({ header: { ...control, request_id: 'r', seq: 0, position: 0, epoch: 1 }, payload })
    await swarm.network.transport(stranger).send(swarm.peers[1]!, end)
    await swarm.untilEnd('r')
    expect(swarm.tokensOf('r')).toHaveLength(30)
    expect(swarm.dropped).toMatchObject([{ by: swarm.peers[1], peer: stranger }])
  })

  it('with frames of another epoch is not heard', async () => {
    const swarm = openSwarm({ peers: 2 })
    swarm.pipelines[0]!.submit(fakeJob('r', { maxTokens: 30, sampling: greedy }))
    await untilTokens(swarm, 'r', 2)
    const { payload, ...control } = encodeControl({ type: 'end' })
    const end = encodeFrame({ header: { ...control, request_id: 'r', seq: 0, position: 0, epoch: 0 }, payload })
    await swarm.network.transport(swarm.peers[0]!).send(swarm.peers[1]!, end)
    await swarm.untilEnd('r')
    expect(swarm.tokensOf('r')).toHaveLength(30)
    expect(swarm.dropped).toEqual([])
  })
})

describe('a seat that is given up', () => {
  it('fails its requests with the reason, and frees them everywhere', async () => {
    const swarm = openSwarm({ peers: 3 })
    swarm.pipelines[0]!.submit(endless('r'))
    await untilTokens(swarm, 'r', 2)
    const closed = swarm.pipelines[1]!.close()
    await swarm.clock.advance(200)
    await closed
    expect(swarm.endOf('r')).toMatchObject({ type: 'request-failed', error: { code: 'swarm_coalition_lost' } })
    expectEmpty(swarm)
  })

  it('refuses requests beyond its limit by name', async () => {
    const swarm = openSwarm({ peers: 2, seat: { maxRequests: 2 } })
    for (const id of ['a', 'b', 'c']) swarm.pipelines[0]!.submit(endless(id))
    expect(swarm.endOf('c')).toMatchObject({ error: { code: 'swarm_busy' } })
    await untilTokens(swarm, 'a', 3)
    await untilTokens(swarm, 'b', 3)
  })
})
