import { rowTokens } from '@computepool/shared/engine'
import { greedy, type RequestJob } from '@computepool/shared/pipeline'
import { describe, expect, it } from 'vitest'
import { circling } from './circling.ts'
import { fakeManifest } from './fake-manifest.ts'
import { createSeededRandom } from './seeded-random.ts'
import { seeds } from './seeds.ts'
import { fakeJob, openSwarm, type Swarm, type SwarmOptions } from './swarm.ts'

const vocab = 16
const manifest = fakeManifest({ dimensions: { vocab, context: 320 } })

async function ask(swarm: Swarm, job: RequestJob): Promise<readonly number[]> {
  swarm.pipelines[0]!.submit(job)
  await swarm.untilEnd(job.requestId)
  return swarm.tokensOf(job.requestId)
}

const keptBytes = (swarm: Swarm) => swarm.engines.map(engine => engine.memory().keptBytes)

/** A swarm that has answered `first` of a conversation, and the job of its second turn. */
async function firstTurn(options: Partial<SwarmOptions> = {}) {
  const swarm = openSwarm({ manifest, peers: 3, engine: () => ({ maxChunk: 8 }), ...options })
  const first = fakeJob('first', { promptTokens: [3, 1, 4, 1, 5, 9, 2, 6, 5, 3], keepCache: true, sampling: greedy })
  const text = [...first.promptTokens, ...(await ask(swarm, first))]
  const reuse = { requestId: 'first', positions: text.length - 1 }
  return { swarm, second: fakeJob('second', { promptTokens: [...text, 7, 8, 9], reuse, sampling: greedy }) }
}

describe('a conversation whose caches are kept', () => {
  it.each([1, 2, 3, 5])(
    'answers in a ring of %i what it answers without, and computes only what is new',
    async peers => {
      for (const seed of seeds(7)) {
        const random = createSeededRandom(seed * 17)
        const script = circling(seed)
        let fed = 0
        const swarm = openSwarm({
          manifest,
          peers,
          link: { seed, delayMs: random.int(60), jitterMs: random.int(60), lossRate: random.int(2) * 0.05 },
          engine: seat => ({
            script,
            maxChunk: [32, 7, 16, 31, 3][(seat + seed) % 5]!,
            beforeStep: rows => {
              for (const row of rows) if (seat === 0 && row.sample?.draft === undefined) fed += rowTokens(row)
            },
          }),
        })
        let promptTokens = Array.from({ length: 1 + random.int(60) }, () => random.int(vocab))
        let reuse: RequestJob['reuse']
        for (let turn = 1; turn <= 3; turn += 1) {
          const sampling = {
            ...greedy,
            temperature: random.int(2),
            seed: random.int(1e6),
            presencePenalty: random.int(2),
          }
          const maxTokens = 1 + random.int(20)
          const job = fakeJob(`turn-${turn}`, {
            promptTokens,
            maxTokens,
            sampling,
            keepCache: true,
            speculate: seed % 2 > 0,
          })
          const alone = openSwarm({ manifest, peers: 1, engine: () => ({ script }) })
          const expected = await ask(alone, { ...job, keepCache: false })
          fed = 0
          const drawn = await ask(swarm, reuse === undefined ? job : { ...job, reuse })
          expect(drawn, `seed ${seed}, turn ${turn}`).toEqual(expected)
          if (seed % 2 === 0) expect(fed).toBe(promptTokens.length - (reuse?.positions ?? 0) + drawn.length - 1)
          const text = [...promptTokens, ...drawn]
          // All that it holds, or less: the next turn may go on from an earlier place.
          const positions = Math.max(1, text.length - 1 - random.int(2) * random.int(10))
          reuse = { requestId: `turn-${turn}`, positions }
          const next = [
            ...text.slice(0, positions),
            ...Array.from({ length: 1 + random.int(20) }, () => random.int(vocab)),
          ]
          promptTokens = next
        }
        for (const pipeline of swarm.pipelines) await pipeline.close()
        expect(swarm.cacheBytes(), `seed ${seed}: caches of a ring that is closed`).toBe(0)
        expect(swarm.dropped).toEqual([])
      }
    },
  )

  it('says how much of the prompt was there already, and keeps one cache a seat', async () => {
    const { swarm, second } = await firstTurn()
    expect(keptBytes(swarm).every(bytes => bytes > 0)).toBe(true)
    await ask(swarm, second)
    expect(swarm.reports.filter(report => report.type === 'request-flowing')).toEqual([
      { type: 'request-flowing', requestId: 'first' },
      { type: 'request-flowing', requestId: 'second', cachedTokens: 17 },
    ])
    // Nobody asked to keep the second.
    expect(swarm.cacheBytes()).toBe(0)
  })

  it('of which a turn is cancelled, or fails, keeps nothing of that turn', async () => {
    for (const how of ['cancelled', 'failed']) {
      const { swarm, second } = await firstTurn()
      swarm.pipelines[0]!.submit({ ...second, keepCache: true, maxTokens: 100 })
      await swarm.clock.advance(12)
      if (how === 'cancelled') swarm.pipelines[0]!.cancel('second')
      else swarm.network.remove(swarm.peers[2]!)
      await swarm.clock.advance(3000)
      expect(swarm.endOf('second')?.type).toBe(how === 'cancelled' ? 'request-finished' : 'request-failed')
      expect(swarm.engines.slice(0, 2).map(engine => engine.memory().kvBytes)).toEqual([0, 0])
    }
  })

  it.each([0, 1, 2])('that seat %i has given up fails by name, and is answered when it is sent again', async seat => {
    const { swarm, second } = await firstTurn()
    swarm.engines[seat]!.forget('first')
    await ask(swarm, second)
    expect(swarm.endOf('second')).toMatchObject({ type: 'request-failed', error: { code: 'engine_prefix_missing' } })
    const { reuse: _, ...whole } = second
    const alone = openSwarm({ manifest, peers: 1 })
    expect(await ask(swarm, { ...whole, requestId: 'again' })).toEqual(await ask(alone, whole))
    for (const pipeline of swarm.pipelines) await pipeline.close()
    expect(swarm.cacheBytes()).toBe(0)
  })

  it.each([
    ['a request that runs', { requestId: 'other', positions: 3 }],
    ['itself', { requestId: 'second', positions: 3 }],
    ['nobody', { requestId: 'never-seen', positions: 3 }],
    ['more than its own text but one', { requestId: 'first', positions: 21 }],
    ['more than the context', { requestId: 'first', positions: 1_000_000 }],
  ])('is refused by name where it is to begin with the cache of %s', async (_, reuse) => {
    const { swarm, second } = await firstTurn()
    swarm.pipelines[0]!.submit(fakeJob('other', { maxTokens: 50, sampling: greedy }))
    await ask(swarm, { ...second, reuse })
    expect(swarm.endOf('second')).toMatchObject({ type: 'request-failed', error: { code: 'engine_prefix_missing' } })
    await swarm.untilEnd('other')
    expect(swarm.tokensOf('other')).toHaveLength(50)
  })

  it('forgets the eldest beyond 64', async () => {
    const swarm = openSwarm({ manifest, peers: 2 })
    const job = (index: number) => fakeJob(`r${index}`, { maxTokens: 1, keepCache: true, sampling: greedy })
    await ask(swarm, job(0))
    const each = keptBytes(swarm)
    for (let index = 1; index < 70; index += 1) await ask(swarm, job(index))
    expect(keptBytes(swarm)).toEqual(each.map(bytes => 64 * bytes))
    const reusing = (index: number) =>
      fakeJob(`again-${index}`, {
        promptTokens: [5, 9, 2, 1],
        reuse: { requestId: `r${index}`, positions: 3 },
        sampling: greedy,
      })
    await ask(swarm, reusing(5))
    expect(swarm.endOf('again-5')).toMatchObject({ error: { code: 'engine_prefix_missing' } })
    await ask(swarm, reusing(6))
    expect(swarm.endOf('again-6')).toMatchObject({ reason: 'length' })
  })

  it('goes with the engine’s device, too', async () => {
    const { swarm } = await firstTurn()
    swarm.engines[0]!.loseDevice()
    await swarm.clock.advance(10)
    expect(keptBytes(swarm)[0]).toBe(0)
  })
})
