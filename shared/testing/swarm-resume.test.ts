import { greedy, type RequestJob } from '@computepool/shared/pipeline'
import { decodeFrame } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import { circling } from './circling.ts'
import { fakeManifest } from './fake-manifest.ts'
import { createSeededRandom } from './seeded-random.ts'
import { fakeJob, openSwarm, type Swarm, type SwarmOptions } from './swarm.ts'

const vocab = 16
const manifest = fakeManifest({ dimensions: { vocab, context: 320 } })

function someJob(seed: number): RequestJob {
  const random = createSeededRandom(seed)
  return fakeJob('whole', {
    promptTokens: Array.from({ length: 1 + random.int(60) }, () => random.int(vocab)),
    maxTokens: 1 + random.int(70),
    stopTokens: random.int(3) === 0 ? [15] : [],
    sampling: {
      ...greedy,
      temperature: random.int(2),
      seed: random.int(1e6),
      repetitionPenalty: random.int(2) === 0 ? 1.3 : 1,
      presencePenalty: random.int(3) === 0 ? 1 : 0,
      frequencyPenalty: random.int(3) === 0 ? 0.5 : 0,
      logprobs: random.int(3) === 0 ? 1 : null,
    },
  })
}

/** What is left of `job` when its first `drawn` tokens were drawn elsewhere. */
const restOf = (job: RequestJob, drawn: readonly number[]): RequestJob => ({
  ...job,
  requestId: 'rest',
  generatedTokens: [...drawn],
  maxTokens: job.maxTokens - drawn.length,
})

async function run(options: SwarmOptions, job: RequestJob): Promise<Swarm> {
  const swarm = openSwarm({ manifest, ...options })
  swarm.pipelines[0]!.submit(job)
  await swarm.untilEnd(job.requestId)
  return swarm
}

function reasonOf(swarm: Swarm, requestId: string): string | undefined {
  const end = swarm.endOf(requestId)
  return end?.type === 'request-finished' ? end.reason : end?.error.code
}

describe('an answer that was begun elsewhere', () => {
  it.each([1, 2, 3, 5])('goes on in a ring of %i as if it had never moved', async peers => {
    let guessed = 0
    for (let seed = 1; seed <= 40; seed += 1) {
      const random = createSeededRandom(seed * 31)
      const job = someJob(seed)
      const script = circling(seed)
      const maxContext = 50 + random.int(80)
      const alone = await run({ peers: 1, engine: () => ({ script }), seat: { speculate: false, maxContext } }, job)
      const text = alone.tokensOf('whole')
      // A ring that was lost after the last token but before its end was told is the last case.
      const cut = random.int(Math.min(text.length, job.maxTokens - 1) + 1)
      const swarm = await run(
        {
          peers,
          link: { seed, delayMs: random.int(100), jitterMs: random.int(60), lossRate: random.int(2) * 0.05 },
          engine: seat => ({ script, maxChunk: [32, 7, 16, 31, 3][(seat + seed) % 5]! }),
          seat: { maxContext },
        },
        restOf(job, text.slice(0, cut)),
      )
      expect([...text.slice(0, cut), ...swarm.tokensOf('rest')], `seed ${seed}, cut at ${cut}`).toEqual(text)
      expect(reasonOf(swarm, 'rest'), `seed ${seed}`).toBe(reasonOf(alone, 'whole'))
      const indices = swarm.reports.flatMap(report => (report.type === 'token-generated' ? [report.index] : []))
      expect(indices, `seed ${seed}`).toEqual(indices.map((_, i) => i))
      expect(swarm.cacheBytes(), `seed ${seed}: caches`).toBe(0)
      expect(swarm.dropped).toEqual([])
      const end = swarm.endOf('rest')
      if (end?.type === 'request-finished') guessed += indices.length - (end.laps ?? 0)
    }
    expect(guessed).toBeGreaterThan(100)
  })

  it('is guessed from what was drawn before as well', async () => {
    const words = Array.from({ length: 40 }, (_, i) => (i * i) % 13)
    const script = (position: number) => words[(position - 3) % 40]!
    const job = fakeJob('whole', { maxTokens: 120, sampling: greedy })
    const far: SwarmOptions = { peers: 2, link: { delayMs: 50 }, engine: () => ({ script }) }
    const drawn = Array.from({ length: 80 }, (_, i) => script(i + 3))
    const swarm = await run(far, restOf(job, drawn))
    expect(swarm.tokensOf('rest')).toEqual(Array.from({ length: 40 }, (_, i) => script(i + 83)))
    expect(swarm.endOf('rest')).toMatchObject({ reason: 'length', laps: expect.any(Number) })
    const end = swarm.endOf('rest')
    expect(end?.type === 'request-finished' && end.laps).toBeLessThan(15)
  })

  it.each([
    ['no penalty', {}, undefined],
    ['a presence penalty', { presencePenalty: 0.5 }, [7, 8]],
    ['a frequency penalty', { frequencyPenalty: 0.5 }, [7, 8]],
    ['a repetition penalty', { repetitionPenalty: 1.2 }, [7, 8]],
  ])('tells the exit what was drawn where it needs it: %s', async (_, penalty, expected) => {
    const swarm = openSwarm({ manifest, peers: 3, engine: () => ({ maxChunk: 2 }) })
    const told: unknown[] = []
    for (const [index, peer] of swarm.peers.entries())
      swarm.network.transport(peer).onFrame((_, bytes) => {
        const { header } = decodeFrame(bytes)
        if (index > 0 && header.kind === 'hidden') told.push(header.generated_tokens)
      })
    const job = fakeJob('rest', { generatedTokens: [7, 8], maxTokens: 2, sampling: { ...greedy, ...penalty } })
    swarm.pipelines[0]!.submit(job)
    await swarm.untilEnd('rest')
    // Once to each seat, on the first of three chunks and a token.
    expect(told.filter(tokens => tokens !== undefined)).toEqual(expected === undefined ? [] : [expected, expected])
    expect(told).toHaveLength(8)
  })

  it('whose prompt alone is beyond the context is refused as ever', async () => {
    const job = fakeJob('rest', { promptTokens: new Array(21).fill(1), generatedTokens: [1], sampling: greedy })
    const swarm = await run({ peers: 2, seat: { maxContext: 20 } }, job)
    expect(reasonOf(swarm, 'rest')).toBe('input_context_too_long')
  })
})
