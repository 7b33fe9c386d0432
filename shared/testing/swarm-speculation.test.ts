import { rowTokens } from '@computepool/shared/engine'
import { ComputePoolError } from '@computepool/shared/errors'
import { greedy, type RequestJob } from '@computepool/shared/pipeline'
import { encodeFrame, encodeTokens } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import { circling } from './circling.ts'
import type { FakeEngineOptions } from './fake-engine.ts'
import { fakeManifest } from './fake-manifest.ts'
import { createSeededRandom } from './seeded-random.ts'
import { seeds } from './seeds.ts'
import { fakeJob, openSwarm, type Swarm, type SwarmOptions } from './swarm.ts'

const vocab = 16
const manifest = fakeManifest({ dimensions: { vocab, context: 320 } })

function someJobs(seed: number): RequestJob[] {
  const random = createSeededRandom(seed)
  return Array.from({ length: 1 + random.int(3) }, (_, index) =>
    fakeJob(`request-${index}`, {
      promptTokens: Array.from({ length: 1 + random.int(40) }, () => random.int(vocab)),
      maxTokens: 1 + random.int(70),
      stopTokens: random.int(3) === 0 ? [15] : [],
      sampling: {
        ...greedy,
        temperature: random.int(2),
        seed: random.int(1e6),
        repetitionPenalty: random.int(3) === 0 ? 1.3 : 1,
        presencePenalty: random.int(3) === 0 ? 1 : 0,
        logprobs: random.int(3) === 0 ? 2 : null,
      },
    }),
  )
}

/** What was said of each request's tokens and its end: all that the orchestrator learns of the text. */
function answersOf(swarm: Swarm, jobs: readonly RequestJob[]) {
  return jobs.map(({ requestId }) => {
    const end = swarm.endOf(requestId)
    const tokens = swarm.reports.flatMap(report =>
      report.type === 'token-generated' && report.requestId === requestId ? [[report.index, report.sampled]] : [],
    )
    return { tokens, end: end?.type === 'request-finished' ? end.reason : end?.error.code }
  })
}

async function run(options: SwarmOptions, jobs: readonly RequestJob[]): Promise<Swarm> {
  const swarm = openSwarm({ manifest, ...options })
  for (const job of jobs) swarm.pipelines[0]!.submit(job)
  for (const job of jobs) await swarm.untilEnd(job.requestId)
  return swarm
}

const alone = (seed: number, jobs: readonly RequestJob[], maxContext = 320): Promise<Swarm> =>
  run({ peers: 1, engine: () => ({ script: circling(seed) }), seat: { speculate: false, maxContext } }, jobs)

function lapsOf(swarm: Swarm, requestId: string): number {
  const end = swarm.endOf(requestId)
  if (end?.type !== 'request-finished') throw new Error(`Request ${requestId} failed: ${JSON.stringify(end)}`)
  return end.laps ?? 0
}

describe('a swarm that guesses ahead', () => {
  it.each([1, 2, 3, 5])('of %i answers what one peer answers that does not', async peers => {
    let tokens = 0
    let laps = 0
    for (const seed of seeds(20)) {
      const random = createSeededRandom(seed)
      const jobs = someJobs(seed)
      const maxContext = 50 + random.int(80)
      const swarm = await run(
        {
          peers,
          link: { seed, delayMs: random.int(100), jitterMs: random.int(60), lossRate: random.int(2) * 0.05 },
          engine: seat => ({ script: circling(seed), maxChunk: [32, 7, 16, 31, 3][(seat + seed) % 5]! }),
          seat: { maxRows: 1 + random.int(3), maxContext },
        },
        jobs,
      )
      const expected = answersOf(await alone(seed, jobs, maxContext), jobs)
      expect(answersOf(swarm, jobs), `seed ${seed}, ${peers} peers`).toEqual(expected)
      expect(swarm.cacheBytes(), `seed ${seed}: caches`).toBe(0)
      for (const pipeline of swarm.pipelines) expect(pipeline.stats().requests, `seed ${seed}`).toBe(0)
      expect(swarm.dropped).toEqual([])
      for (const { requestId } of jobs) {
        tokens += swarm.tokensOf(requestId).length
        laps += lapsOf(swarm, requestId)
      }
    }
    // The fast path was taken.
    expect(laps).toBeLessThan(0.7 * tokens)
  })

  it.each(['seat', 'job'])('takes a lap a token where guessing is switched off by the %s', async by => {
    const job = fakeJob('r', { maxTokens: 60, sampling: greedy, ...(by === 'job' ? { speculate: false } : {}) })
    const seat = by === 'seat' ? { speculate: false } : {}
    const swarm = await run({ peers: 2, link: { delayMs: 50 }, engine: () => ({ script: p => p % 3 }), seat }, [job])
    expect(swarm.tokensOf('r')).toHaveLength(60)
    expect(lapsOf(swarm, 'r')).toBe(60)
  })

  it('ends an accepted run at its stop token, at maxTokens and at the context’s end', async () => {
    const script = (position: number) => (position === 90 ? 9 : (position % 4) + 1)
    let reached = 0
    const beforeStep: FakeEngineOptions['beforeStep'] = rows => {
      for (const row of rows) reached = Math.max(reached, row.position + rowTokens(row))
    }
    const engine = () => ({ script, beforeStep })
    const options = { peers: 2, link: { delayMs: 50 }, engine, seat: { maxContext: 120 } }
    for (const [job, expected, reason] of [
      [{ maxTokens: 300, stopTokens: [9] }, 88, 'stop'],
      [{ maxTokens: 50 }, 50, 'length'],
      [{ maxTokens: 51 }, 51, 'length'],
      [{ maxTokens: 300 }, 118, 'length'],
    ] as const) {
      const asked = fakeJob('r', {
        ...job,
        stopTokens: [...('stopTokens' in job ? job.stopTokens : [])],
        sampling: greedy,
      })
      const swarm = await run(options, [asked])
      expect(swarm.endOf('r')).toMatchObject({ reason })
      expect(swarm.tokensOf('r')).toEqual(Array.from({ length: expected }, (_, i) => script(i + 3)))
      expect(lapsOf(swarm, 'r')).toBeLessThan(expected / 2)
      // No row lies beyond the last that the answer may need.
      expect(reached).toBeLessThanOrEqual(3 + job.maxTokens - 1)
      expect(swarm.cacheBytes()).toBe(0)
      reached = 0
    }
  })

  it('counts the tokens that it served, not the laps', async () => {
    const job = fakeJob('r', { maxTokens: 200, sampling: greedy })
    const swarm = await run({ peers: 3, link: { delayMs: 50 }, engine: () => ({ script: p => p % 5 }) }, [job])
    for (const pipeline of swarm.pipelines) {
      expect(pipeline.stats().tokensServed).toBeLessThanOrEqual(200)
      expect(pipeline.stats().tokensServed).toBeGreaterThan(200 - 17)
    }
  })

  it('learns that a seat takes few rows at once, and sends no more guesses than it verifies', async () => {
    const job = fakeJob('r', { maxTokens: 120, sampling: greedy })
    const rows: number[] = []
    const swarm = await run(
      {
        peers: 2,
        link: { delayMs: 50 },
        engine: seat => ({
          script: p => p % 5,
          maxChunk: seat === 0 ? 32 : 4,
          beforeStep: ([row]) => {
            if (seat === 0) rows.push('tokens' in row!.input ? row!.input.tokens.length : 0)
          },
        }),
      },
      [job],
    )
    expect(swarm.tokensOf('r')).toHaveLength(120)
    // Four rows are a token and three guesses, of which the next shorter length is two.
    expect(rows.filter(count => count > 3).length).toBeLessThanOrEqual(1)
    expect(lapsOf(swarm, 'r')).toBeLessThan(50)
  })
})

describe('what guessing brings', () => {
  const elapsed = async (options: SwarmOptions, job: RequestJob) => {
    const swarm = openSwarm({ manifest: fakeManifest({ dimensions: { context: 4096 } }), ...options })
    swarm.pipelines[0]!.submit(job)
    while (swarm.endOf('r') === undefined) await swarm.clock.advance(1)
    return { ms: swarm.clock.monotonicMs(), laps: lapsOf(swarm, 'r'), tokens: swarm.tokensOf('r') }
  }
  const far: SwarmOptions = { peers: 2, link: { delayMs: 50 }, stepMs: 15, rowMs: 4 }
  const plain = { seat: { speculate: false } }

  it('is at least three times fewer laps and less time on text that repeats its input, at 50 ms', async () => {
    const source = Array.from({ length: 120 }, (_, i) => (i * i * 7 + 3 * i) % 509)
    // An edit of the input: copied, but for one token in thirty.
    const script = (position: number) => (position % 30 === 0 ? position % 500 : source[(position - 120) % 120]!)
    const job = fakeJob('r', { promptTokens: source, maxTokens: 120, sampling: greedy })
    const engine = () => ({ script })
    const without = await elapsed({ ...far, ...plain, engine }, job)
    const guessed = await elapsed({ ...far, engine }, job)
    expect(guessed.tokens).toEqual(without.tokens)
    expect(without.laps).toBe(120)
    expect(guessed.laps).toBeLessThanOrEqual(without.laps / 3)
    expect(guessed.ms).toBeLessThan(without.ms / 2.5)
  })

  it.each([
    ['of which nothing occurred before', 512, 4],
    ['whose words recur by chance', 12, 4],
    ['whose words recur by chance, on seats where each row costs a whole step', 12, 15],
  ])('is at most five percent lost on text %s', async (_, words, rowMs) => {
    for (const seed of seeds(3)) {
      const random = createSeededRandom(seed)
      const text = Array.from({ length: 1000 }, () => random.int(words))
      const engine = () => ({ script: (position: number) => text[position]! })
      const job = fakeJob('r', { promptTokens: text.slice(0, 100), maxTokens: 300, sampling: greedy })
      const without = await elapsed({ ...far, ...plain, rowMs, engine }, job)
      const guessed = await elapsed({ ...far, rowMs, engine }, job)
      expect(guessed.tokens).toEqual(without.tokens)
      expect(guessed.ms, `seed ${seed}`).toBeLessThan(1.05 * without.ms)
    }
  })
})

describe('a failure while guesses are under way', () => {
  it('leaves no cache, and of the text a beginning', async () => {
    for (const seed of seeds(20)) {
      const random = createSeededRandom(seed)
      const peers = 1 + random.int(4)
      const jobs = someJobs(seed).map(job => ({ ...job, maxTokens: 250, stopTokens: [] }))
      let isBroken = false
      const broken = random.int(peers)
      const swarm = openSwarm({
        manifest,
        peers,
        link: { seed, delayMs: random.int(50), jitterMs: random.int(30) },
        engine: seat => ({
          script: circling(seed),
          beforeStep: () => {
            if (isBroken && seat === broken) throw new ComputePoolError('engine_failed', 'The kernel said no.')
          },
        }),
      })
      for (const job of jobs) swarm.pipelines[0]!.submit(job)
      await swarm.clock.advance(random.int(4000))
      const kind = peers === 1 ? 'cancel' : (['cancel', 'engine', 'peer'] as const)[random.int(3)]
      if (kind === 'cancel') for (const { requestId } of jobs) swarm.pipelines[0]!.cancel(requestId)
      if (kind === 'engine') isBroken = true
      const gone = 1 + random.int(Math.max(1, peers - 1))
      if (kind === 'peer') swarm.network.remove(swarm.peers[gone]!)
      await swarm.clock.advance(6000)
      const whole = await alone(seed, jobs)
      for (const { requestId } of jobs) {
        const tokens = swarm.tokensOf(requestId)
        expect(whole.tokensOf(requestId).slice(0, tokens.length), `seed ${seed}`).toEqual(tokens)
        expect(swarm.endOf(requestId), `seed ${seed}`).toBeDefined()
      }
      swarm.engines.forEach((engine, seat) => {
        if (kind === 'peer' && seat === gone) return
        expect(engine.memory().kvBytes, `seed ${seed}, seat ${seat}`).toBe(0)
      })
    }
  })
})

describe('an exit that answers what was not asked', () => {
  /** A swarm whose exit holds its step, and a way to answer in its place. */
  async function heldSwarm() {
    let isHeld = false
    let draft: readonly number[] = []
    const swarm = openSwarm({
      manifest,
      peers: 2,
      link: { delayMs: 20 },
      engine: seat => ({
        script: position => position % 4,
        beforeStep: ([row]) => {
          const asked = row!.sample?.draft ?? []
          if (seat !== 1 || asked.length < 4) return
          draft = asked
          isHeld = true
          return new Promise(() => undefined)
        },
      }),
    })
    swarm.pipelines[0]!.submit(fakeJob('r', { maxTokens: 100, sampling: greedy }))
    while (!isHeld) await swarm.clock.advance(1)
    const seq = swarm.network.delivered(swarm.peers[1]!, swarm.peers[0]!)
    const position = 3 + swarm.tokensOf('r').length
    const answer = async (tokens: readonly number[], at = position) => {
      const described = { request_id: 'r', kind: 'token' as const, dtype: 'int64' as const, shape: [tokens.length] }
      const header = { ...described, seq, position: at, epoch: 1 }
      const bytes = encodeFrame({ header, payload: encodeTokens(tokens) })
      await swarm.network.transport(swarm.peers[1]!).send(swarm.peers[0]!, bytes)
      await swarm.clock.advance(30)
    }
    return { swarm, draft, answer, position }
  }

  it('by more tokens than were guessed fails the request by name', async () => {
    const { swarm, draft, answer } = await heldSwarm()
    const before = swarm.tokensOf('r').length
    await answer([...draft, 1, 2])
    expect(swarm.endOf('r')).toMatchObject({ type: 'request-failed', error: { code: 'peer_frame_invalid' } })
    expect(swarm.tokensOf('r')).toHaveLength(before)
  })

  it('by a run that leaves the draft and yet goes on fails the request by name', async () => {
    const { swarm, draft, answer } = await heldSwarm()
    const before = swarm.tokensOf('r').length
    await answer([draft[0]!, draft[1]! + 1, draft[2]!])
    expect(swarm.endOf('r')).toMatchObject({ type: 'request-failed', error: { code: 'peer_frame_invalid' } })
    expect(swarm.tokensOf('r')).toHaveLength(before)
  })

  it('for another position is not heard', async () => {
    const { swarm, draft, answer, position } = await heldSwarm()
    const before = swarm.tokensOf('r').length
    await answer(draft.slice(0, 2), position - 1)
    expect(swarm.tokensOf('r')).toHaveLength(before)
    expect(swarm.endOf('r')).toBeUndefined()
  })

  it('as it should goes on', async () => {
    const { swarm, draft, answer } = await heldSwarm()
    const before = swarm.tokensOf('r').length
    await answer([...draft.slice(0, 2), 15])
    expect(swarm.tokensOf('r').slice(before)).toEqual([...draft.slice(0, 2), 15])
  })
})
