import { greedy, type RequestJob } from '@computepool/shared/pipeline'
import { describe, expect, it } from 'vitest'
import { createSeededRandom } from './seeded-random.ts'
import { seeds } from './seeds.ts'
import { fakeJob, openSwarm } from './swarm.ts'

/** What one peer with all layers answers, with no network. */
async function aloneAnswers(jobs: readonly RequestJob[]): Promise<number[][]> {
  const alone = openSwarm({ peers: 1, seat: { maxRequests: 32 } })
  for (const job of jobs) alone.pipelines[0]!.submit(job)
  for (const job of jobs) await alone.untilEnd(job.requestId)
  return jobs.map(job => alone.tokensOf(job.requestId))
}

function someJobs(seed: number): RequestJob[] {
  const random = createSeededRandom(seed)
  return Array.from({ length: 1 + random.int(3) }, (_, index) =>
    fakeJob(`request-${index}`, {
      promptTokens: Array.from({ length: 1 + random.int(90) }, () => random.int(512)),
      maxTokens: 1 + random.int(10),
      sampling: {
        ...greedy,
        temperature: random.int(2),
        seed: random.int(1e6),
        repetitionPenalty: random.int(2) === 0 ? 1 : 1.3,
        presencePenalty: random.int(2),
      },
    }),
  )
}

describe('a swarm in one process', () => {
  it.each([1, 2, 3, 5])('of %i answers as one peer does, over links that delay, lose and reorder', async peers => {
    for (const seed of seeds(50)) {
      const random = createSeededRandom(seed)
      const swarm = openSwarm({
        peers,
        link: { seed, delayMs: random.int(20), jitterMs: random.int(60), lossRate: random.int(2) * 0.1 },
        engine: seat => ({ maxChunk: [32, 7, 16, 31, 3][(seat + seed) % 5]! }),
        seat: { maxRows: 1 + random.int(3) },
      })
      const jobs = someJobs(seed)
      for (const job of jobs) swarm.pipelines[0]!.submit(job)
      for (const job of jobs) await swarm.untilEnd(job.requestId)
      const answers = jobs.map(job => swarm.tokensOf(job.requestId))
      expect(answers, `seed ${seed}, ${peers} peers`).toEqual(await aloneAnswers(jobs))
      expect(swarm.cacheBytes(), `seed ${seed}: caches`).toBe(0)
      for (const pipeline of swarm.pipelines) expect(pipeline.stats().requests, `seed ${seed}`).toBe(0)
      expect(swarm.dropped).toEqual([])
    }
  })

  it('takes the straight path: activations seat to seat, tokens from the exit to the entry', async () => {
    const swarm = openSwarm({ peers: 4, engine: () => ({ maxChunk: 5 }) })
    const job = fakeJob('r', { promptTokens: Array.from({ length: 12 }, (_, i) => i), maxTokens: 6, sampling: greedy })
    swarm.pipelines[0]!.submit(job)
    await swarm.untilEnd('r')
    const [a, b, c, d] = swarm.peers as [string, string, string, string]
    // Three chunks and five tokens fed back, then the end.
    for (const [from, to] of [
      [a, b],
      [b, c],
      [c, d],
    ] as const)
      expect(swarm.network.delivered(from, to)).toBe(3 + 5 + 1)
    // Two chunks acknowledged, six tokens.
    expect(swarm.network.delivered(d, a)).toBe(2 + 6)
    for (const [from, to] of [
      [d, c],
      [c, b],
      [b, a],
      [c, a],
    ] as const)
      expect(swarm.network.delivered(from, to)).toBe(0)
    expect(swarm.endOf('r')).toMatchObject({ type: 'request-finished', reason: 'length', directHops: 3 + 5 + 6 })
  })

  it.each([1, 3])('of %i says once that a request flows, when its first activation left', async peers => {
    const swarm = openSwarm({ peers, engine: () => ({ maxChunk: 4 }), stepMs: 7, link: { delayMs: 4 } })
    const promptTokens = Array.from({ length: 12 }, (_, i) => i)
    swarm.pipelines[0]!.submit(fakeJob('r', { promptTokens, maxTokens: 2, sampling: greedy }))
    await swarm.clock.advance(6)
    expect(swarm.reports).toEqual([])
    await swarm.clock.advance(1)
    expect(swarm.reports).toEqual([{ type: 'request-flowing', requestId: 'r' }])
    await swarm.untilEnd('r')
    expect(swarm.reports.map(report => report.type)).toEqual([
      'request-flowing',
      'token-generated',
      'token-generated',
      'request-finished',
    ])
  })

  it('reports where a lap went, seat by seat', async () => {
    const swarm = openSwarm({ peers: 3, stepMs: 7, link: { delayMs: 4 } })
    swarm.pipelines[0]!.submit(fakeJob('r', { sampling: greedy }))
    await swarm.untilEnd('r')
    const tokens = swarm.reports.filter(report => report.type === 'token-generated')
    expect(tokens.map(token => token.index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    for (const token of tokens) {
      expect(token.lapMs).toBe(3 * 7 + 3 * 4)
      expect(token.trace).toEqual([0, 1, 2].map(seat => ({ seat, computeMs: 7, queueMs: 0 })))
    }
    expect(swarm.pipelines[0]!.stats()).toMatchObject({ tokensServed: 8, lapMs: 33, hopMs: 4, stepMs: 7 })
  })

  it('keeps the chunks of a long prompt within the bound while a later seat is slow', async () => {
    let release = (): void => undefined
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    const swarm = openSwarm({
      peers: 2,
      engine: seat => ({ maxChunk: 4, beforeStep: () => (seat === 1 ? held : undefined) }),
      seat: { chunksInFlight: 3 },
    })
    const promptTokens = Array.from({ length: 80 }, (_, i) => i)
    swarm.pipelines[0]!.submit(fakeJob('r', { promptTokens, sampling: greedy }))
    await swarm.clock.advance(1000)
    expect(swarm.network.delivered(swarm.peers[0]!, swarm.peers[1]!)).toBe(3)
    release()
    await swarm.untilEnd('r')
    expect(swarm.tokensOf('r')).toHaveLength(8)
  })

  it('lets requests take turns: a short one is not held up by a long prompt', async () => {
    const swarm = openSwarm({ peers: 2, engine: () => ({ maxChunk: 2 }) })
    const promptTokens = Array.from({ length: 200 }, (_, i) => i)
    swarm.pipelines[0]!.submit(fakeJob('long', { promptTokens, maxTokens: 1, sampling: greedy }))
    swarm.pipelines[0]!.submit(fakeJob('short', { maxTokens: 3, sampling: greedy }))
    await swarm.untilEnd('long')
    const order = swarm.reports.flatMap(report => (report.type === 'request-finished' ? [report.requestId] : []))
    expect(order).toEqual(['short', 'long'])
  })

  it('ends at a stop token, which is reported', async () => {
    const swarm = openSwarm({ peers: 3, engine: () => ({ script: position => (position === 6 ? 42 : 7) }) })
    swarm.pipelines[0]!.submit(fakeJob('r', { stopTokens: [42], maxTokens: 50, sampling: greedy }))
    await swarm.untilEnd('r')
    expect(swarm.tokensOf('r')).toEqual([7, 7, 7, 42])
    expect(swarm.endOf('r')).toMatchObject({ reason: 'stop' })
  })

  it('ends with length where the context is full, and refuses a prompt beyond it', async () => {
    const swarm = openSwarm({ peers: 2, seat: { maxContext: 10 } })
    const prompt = (length: number) => Array.from({ length }, (_, i) => i)
    swarm.pipelines[0]!.submit(fakeJob('fills', { promptTokens: prompt(8), maxTokens: 50, sampling: greedy }))
    swarm.pipelines[0]!.submit(fakeJob('beyond', { promptTokens: prompt(11), sampling: greedy }))
    await swarm.untilEnd('fills')
    expect(swarm.tokensOf('fills')).toHaveLength(3)
    expect(swarm.endOf('fills')).toMatchObject({ reason: 'length' })
    expect(swarm.endOf('beyond')).toMatchObject({ error: { code: 'input_context_too_long' } })
  })

  it('passes log-probabilities and alternatives on', async () => {
    const swarm = openSwarm({ peers: 2 })
    swarm.pipelines[0]!.submit(fakeJob('r', { sampling: { ...greedy, logprobs: 2 } }))
    await swarm.untilEnd('r')
    const first = swarm.reports[1]
    expect(first).toMatchObject({ type: 'token-generated', sampled: { logprob: expect.any(Number) } })
    expect(first?.type === 'token-generated' && first.sampled.topLogprobs).toHaveLength(2)
  })
})
