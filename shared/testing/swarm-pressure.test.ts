import { greedy, type RequestJob } from '@computepool/shared/pipeline'
import { describe, expect, it } from 'vitest'
import { fakeManifest } from './fake-manifest.ts'
import { fakeJob, openSwarm, type Swarm, type SwarmOptions } from './swarm.ts'

const manifest = fakeManifest({ dimensions: { context: 4096 } })
const prompt = (length: number, factor: number) => Array.from({ length }, (_, i) => (i * i * factor + i) % 509)

type StepMs = (seat: number, tokens: readonly number[]) => number
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
/** Each position costs nearly as much as the first, and rows that share a step gain nothing. */
const cpu: StepMs = (_, tokens) => sum(tokens.map(count => 3 + 7 * count))
/** A step has its price, whatever is in it. */
const gpu: StepMs = (_, tokens) => 10 + 0.5 * tokens.length + 0.05 * sum(tokens)

/** A quick start and dear positions behind a slow start and cheap ones. */
const uneven: StepMs = (seat, tokens) => sum(tokens.map(count => (seat === 1 ? 5 + 2 * count : 9 + count / 10)))

const plain = (requestId: string, job: Partial<RequestJob>) =>
  fakeJob(requestId, { speculate: false, sampling: greedy, ...job })

async function until(swarm: Swarm, isDone: () => boolean): Promise<void> {
  for (let turn = 0; !isDone(); turn += 1) {
    if (turn > 100_000) throw new Error('Nothing more happens')
    await swarm.clock.advance(10)
  }
}

/** A swarm that has answered one request, as any that serves for a while. */
async function usedSwarm(options: SwarmOptions): Promise<Swarm> {
  const swarm = openSwarm({ manifest, ...options })
  swarm.pipelines[0]!.submit(plain('first', { promptTokens: prompt(100, 3), maxTokens: 4 }))
  await swarm.untilEnd('first')
  return swarm
}

const gapsOf = (times: readonly number[]) => times.slice(1).map((time, i) => time - times[i]!)
const medianOf = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!

// In pages a step has one row; on the native engine requests may share it, and share it as a trial.
describe.each([1, 8])('a ring that prefills 2,048 tokens, with up to %i rows a step', maxRows => {
  it.each([
    ['alone, one position as dear as the next', cpu, 32, 1, 1],
    ['of two, one position as dear as the next', cpu, 32, 2, 1],
    ['of three, one position as dear as the next', cpu, 32, 3, 10],
    ['of two, far apart, one position as dear as the next', cpu, 32, 2, 50],
    ['of two, long chunks as cheap as short', gpu, 256, 2, 1],
    ['of three, far apart, long chunks as cheap as short', gpu, 256, 3, 50],
    ['of two that differ', uneven, 256, 2, 1],
  ])(
    '%s: keeps another waiting for at most twice its time between tokens',
    async (_, stepMs, maxChunk, peers, delayMs) => {
      const swarm = await usedSwarm({
        peers,
        stepMs,
        seat: { maxRows },
        link: { delayMs },
        engine: () => ({ maxChunk }),
      })
      const [entry] = swarm.pipelines
      entry!.submit(plain('decodes', { promptTokens: prompt(20, 5), maxTokens: 4000 }))
      await until(swarm, () => swarm.tokensOf('decodes').length >= 40)
      const startedMs = swarm.clock.monotonicMs()
      entry!.submit(plain('prefills', { promptTokens: prompt(2048, 11), maxTokens: 1 }))
      const times = () => swarm.tokenTimesOf('decodes')
      await until(swarm, () => times().at(-1)! > (swarm.tokenTimesOf('prefills')[0] ?? Number.POSITIVE_INFINITY))
      const alone = gapsOf(times().filter(time => time <= startedMs)).slice(5)
      const beside = gapsOf(times().slice(times().findLastIndex(time => time <= startedMs)))
      expect(swarm.endOf('prefills')).toMatchObject({ reason: 'length' })
      expect(Math.max(...beside)).toBeLessThanOrEqual(2 * medianOf(alone))
    },
  )
})

describe('a ring that prefills 2,048 tokens', () => {
  it.each([
    [cpu, 32, 2, 1],
    [cpu, 32, 3, 50],
    [gpu, 256, 2, 1],
    [gpu, 256, 3, 50],
  ])('alone is as fast as its slowest seat', async (stepMs, maxChunk, peers, delayMs) => {
    const steps: number[] = []
    const swarm = await usedSwarm({
      peers,
      stepMs: (seat, tokens) => {
        if (seat === peers - 1) steps.push(sum(tokens))
        return stepMs(seat, tokens)
      },
      link: { delayMs },
      engine: () => ({ maxChunk }),
    })
    steps.length = 0
    const startedMs = swarm.clock.monotonicMs()
    swarm.pipelines[0]!.submit(plain('prefills', { promptTokens: prompt(2048, 11), maxTokens: 1 }))
    await until(swarm, () => swarm.endOf('prefills') !== undefined)
    expect(steps).toEqual(new Array(2048 / maxChunk).fill(maxChunk))
    const chunkMs = stepMs(0, [maxChunk])
    const leastMs = (2048 / maxChunk + peers - 1) * chunkMs + peers * delayMs
    expect(swarm.tokenTimesOf('prefills')[0]! - startedMs).toBeLessThan(1.05 * leastMs + 10)
  })

  it.each([2, 3])('that is short goes through %i seats in pieces, each busy with one', async peers => {
    const swarm = await usedSwarm({ peers, stepMs: cpu, engine: () => ({ maxChunk: 32 }) })
    const startedMs = swarm.clock.monotonicMs()
    swarm.pipelines[0]!.submit(plain('prefills', { promptTokens: prompt(32, 11), maxTokens: 1 }))
    await until(swarm, () => swarm.endOf('prefills') !== undefined)
    const inOnePieceMs = peers * cpu(0, [32])
    expect(swarm.tokenTimesOf('prefills')[0]! - startedMs).toBeLessThan(0.8 * inOnePieceMs)
  })

  it('answers soon although another decodes, where long chunks cost little', async () => {
    const swarm = await usedSwarm({ peers: 2, stepMs: gpu, engine: () => ({ maxChunk: 256 }) })
    swarm.pipelines[0]!.submit(plain('decodes', { promptTokens: prompt(20, 5), maxTokens: 4000 }))
    await until(swarm, () => swarm.tokensOf('decodes').length >= 40)
    const startedMs = swarm.clock.monotonicMs()
    swarm.pipelines[0]!.submit(plain('prefills', { promptTokens: prompt(2048, 11), maxTokens: 1 }))
    await until(swarm, () => swarm.endOf('prefills') !== undefined)
    // 0.2 s alone; two seconds at the length of chunks that is safe in the worst case.
    expect(swarm.tokenTimesOf('prefills')[0]! - startedMs).toBeLessThan(1200)
  })

  it('is not starved by seven that decode, nor they by it', async () => {
    const swarm = await usedSwarm({ peers: 2, stepMs: cpu, engine: () => ({ maxChunk: 32 }) })
    const [entry] = swarm.pipelines
    const decoding = Array.from({ length: 7 }, (_, i) => `decodes-${i}`)
    for (const [i, id] of decoding.entries())
      entry!.submit(plain(id, { promptTokens: prompt(20, i + 1), maxTokens: 4000 }))
    await until(swarm, () => decoding.every(id => swarm.tokensOf(id).length >= 20))
    const startedMs = swarm.clock.monotonicMs()
    entry!.submit(plain('prefills', { promptTokens: prompt(512, 11), maxTokens: 1 }))
    await until(swarm, () => swarm.endOf('prefills') !== undefined)
    // By itself it takes 3.8 s.
    expect(swarm.clock.monotonicMs() - startedMs).toBeLessThan(3 * 3800)
    for (const id of decoding) {
      const times = swarm.tokenTimesOf(id)
      const alone = gapsOf(times.filter(time => time <= startedMs)).slice(10)
      const beside = gapsOf(times.filter(time => time > startedMs))
      expect(medianOf(beside), id).toBeLessThanOrEqual(2 * medianOf(alone))
    }
  })
})

describe('eight requests at once', () => {
  /** Tokens a second, once all decode. */
  async function rate(options: SwarmOptions, requests: number): Promise<number> {
    const swarm = await usedSwarm(options)
    const ids = Array.from({ length: requests }, (_, i) => `r${i}`)
    for (const [i, id] of ids.entries())
      swarm.pipelines[0]!.submit(plain(id, { promptTokens: prompt(10, i + 1), maxTokens: 1000 }))
    await until(swarm, () => ids.every(id => swarm.tokensOf(id).length >= 10))
    const count = () => sum(ids.map(id => swarm.tokensOf(id).length))
    const before = count()
    await swarm.clock.advance(2000)
    return (count() - before) / 2
  }

  it.each([
    [2, 1, cpu, 1],
    [2, 8, cpu, 1],
    [3, 8, cpu, 1],
    [3, 8, cpu, 20],
    [2, 1, gpu, 1],
    [2, 8, gpu, 1],
    [3, 8, gpu, 1],
    [3, 8, gpu, 20],
  ])('keep all of %i seats busy, with up to %i rows a step', async (peers, maxRows, stepMs, delayMs) => {
    const options: SwarmOptions = { peers, stepMs, link: { delayMs }, seat: { maxRows } }
    const one = await rate(options, 1)
    expect(await rate(options, 8)).toBeGreaterThan(0.8 * peers * one)
  })

  it('share steps where that is faster, and lose next to nothing where it is not', async () => {
    const options = (stepMs: StepMs, maxRows: number): SwarmOptions => ({ peers: 2, stepMs, seat: { maxRows } })
    expect(await rate(options(gpu, 8), 8)).toBeGreaterThan(1.7 * (await rate(options(gpu, 1), 8)))
    expect(await rate(options(cpu, 8), 8)).toBeGreaterThan(0.97 * (await rate(options(cpu, 1), 8)))
  })
})

describe('a seat that cuts long chunks to short rows', () => {
  it('fills a far link while one frame of it is late, and all arrives', async () => {
    const stepMs: StepMs = (_, tokens) => 4 + 0.02 * sum(tokens)
    for (let seed = 1; seed <= 4; seed += 1) {
      const link = { seed, delayMs: 80, jitterMs: 5, lossRate: 0.02, retransmitMs: 1500 }
      const swarm = await usedSwarm({ peers: 3, stepMs, link, engine: seat => ({ maxChunk: seat === 1 ? 16 : 256 }) })
      swarm.pipelines[0]!.submit(plain('prefills', { promptTokens: prompt(3000, 11), maxTokens: 1 }))
      await swarm.untilEnd('prefills')
      expect(swarm.endOf('prefills'), `seed ${seed}`).toMatchObject({ reason: 'length' })
    }
  })
})

describe('a request that waits behind long chunks', () => {
  it('is not given up for it', async () => {
    // A fast entry, and six seconds a chunk at each seat behind it.
    const stepMs: StepMs = (seat, tokens) => sum(tokens.map(count => 20 + (seat === 0 ? 0.4 : 24) * count))
    const swarm = await usedSwarm({ peers: 3, stepMs, engine: () => ({ maxChunk: 256 }) })
    const [entry] = swarm.pipelines
    entry!.submit(plain('prefills', { promptTokens: prompt(3000, 11), maxTokens: 2 }))
    await swarm.clock.advance(1000)
    entry!.submit(plain('waits', { promptTokens: prompt(3, 5), maxTokens: 20 }))
    await until(swarm, () => swarm.endOf('prefills') !== undefined && swarm.endOf('waits') !== undefined)
    expect(swarm.endOf('waits')).toMatchObject({ reason: 'length' })
    expect(swarm.endOf('prefills')).toMatchObject({ reason: 'length' })
    // It did wait.
    expect(Math.max(...gapsOf(swarm.tokenTimesOf('waits')))).toBeGreaterThan(10_000)
  })
})
