import { describe, expect, test } from 'vitest'
import { createSeededRandom } from '../../testing/seeded-random.ts'
import { greedy, type SamplingParams } from '../pipeline/index.ts'
import { headQuery, sampleToken, scoresFromLogits } from '../sampler/index.ts'
import { type DrawClaim, judgeDraws } from './index.ts'
import { mostNearTies } from './judge-draws.ts'

const random = createSeededRandom(31)
const vocab = 120
const normal = () => random.next() + random.next() + random.next() + random.next() - 2
const someLogits = (spread: number) => Float32Array.from({ length: vocab }, () => normal() * spread)
const nearby = (logits: Float32Array, distance: number) =>
  logits.map(value => value + (random.next() * 2 - 1) * distance)

const warm: SamplingParams = { ...greedy, temperature: 1, seed: 77 }
const manners: [string, SamplingParams][] = [
  ['greedy', greedy],
  ['greedy with penalties', { ...greedy, repetitionPenalty: 1.3, presencePenalty: 0.5 }],
  ['warm', warm],
  ['hot', { ...warm, temperature: 1.8 }],
  ['cool', { ...warm, temperature: 0.3 }],
  ['top_p', { ...warm, topP: 0.8 }],
  ['top_k', { ...warm, topK: 7 }],
  ['top_k and top_p', { ...warm, topK: 40, topP: 0.6 }],
  ['min_p', { ...warm, minP: 0.1 }],
  [
    'all of it',
    { ...warm, temperature: 0.8, topK: 30, topP: 0.9, minP: 0.02, frequencyPenalty: 0.7, repetitionPenalty: 1.2 },
  ],
]
const generated = [3, 3, 17, 99]
const prompt = [5, 17, 120]

async function draw(logits: Float32Array, params: SamplingParams, position: number): Promise<number> {
  const query = headQuery({ params, generated, prompt }, vocab)
  const readLogits = async () => logits
  return (await sampleToken({ params, query, scores: scoresFromLogits(logits, query), position, readLogits })).token
}
const claimOf = (token: number, logits: Float32Array, position: number): DrawClaim => {
  return { position, token, logits, generated, prompt }
}

describe.each(manners)('%s', (_, params) => {
  test('whatever an honest sampler draws from logits within the tolerance is never called different', async () => {
    let ties = 0
    for (const distance of [1e-3, 0.05, 0.4])
      for (let position = 0; position < 40; position++) {
        const logits = someLogits(3)
        const token = await draw(nearby(logits, distance), params, position)
        const judged = await judgeDraws([claimOf(token, logits, position)], { params, logitTolerance: distance })
        expect(judged.isHonest).toBe(true)
        ties += judged.nearTies
      }
    expect(ties).toBeGreaterThan(0)
  })

  test('a token taken anywhere else is told, nearly always', async () => {
    let different = 0
    for (let position = 0; position < 300; position++) {
      const logits = someLogits(3)
      const judged = await judgeDraws([claimOf(random.int(vocab), logits, position)], { params, logitTolerance: 1e-3 })
      different += judged.different
    }
    expect(different).toBeGreaterThan(280)
  })

  test('draws of another model are told', async () => {
    const claims: DrawClaim[] = []
    for (let position = 0; position < 60; position++)
      claims.push(claimOf(await draw(someLogits(3), params, position), someLogits(3), position))
    expect((await judgeDraws(claims, { params, logitTolerance: 0.02 })).different).toBeGreaterThan(45)
  })
})

test('a draw with another seed is told, for all that its tokens are likely', async () => {
  const claims: DrawClaim[] = []
  for (let position = 0; position < 100; position++) {
    const logits = someLogits(2)
    claims.push(claimOf(await draw(logits, { ...warm, seed: 78 }, position), logits, position))
  }
  expect((await judgeDraws(claims, { params: warm, logitTolerance: 0.02 })).different).toBeGreaterThan(60)
})

test('two candidates as close as twice the tolerance are a near tie, and no further', async () => {
  const logits = new Float32Array(vocab)
  logits[4] = 5
  logits[9] = 4.97
  const judge = async (logitTolerance: number) =>
    (await judgeDraws([{ ...claimOf(9, logits, 0), generated: [], prompt: [] }], { params: greedy, logitTolerance }))
      .verdicts[0]
  expect([await judge(0.01), await judge(0.016)]).toEqual(['different', 'near-tie'])
})

test('a token outside the vocabulary is different', async () => {
  const judged = await judgeDraws([claimOf(vocab + 3, someLogits(1), 0)], { params: greedy, logitTolerance: 1 })
  expect(judged.different).toBe(1)
})

test('near ties are forgiven as often as chance brings them', () => {
  expect([1, 16, 60, 1000].map(draws => mostNearTies(draws, 0.1))).toMatchInlineSnapshot(`
    [
      1,
      9,
      19,
      148,
    ]
  `)
  expect(mostNearTies(50, 1)).toBe(50)
  expect(mostNearTies(50, 0)).toBe(0)
  const random = createSeededRandom(8)
  for (let trial = 0; trial < 2000; trial++) {
    let ties = 0
    for (let draw = 0; draw < 60; draw++) if (random.next() < 0.1) ties += 1
    expect(ties).toBeLessThanOrEqual(mostNearTies(60, 0.1))
  }
})
