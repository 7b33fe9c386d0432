import { expect, test } from 'vitest'
import { greedy, type SamplingParams } from '../pipeline/index.ts'
import { type HeadScores, headQuery, scoresFromLogits } from './head-scores.ts'
import { philox2x32, uniformAt } from './philox.ts'
import { sampleToken } from './sample-token.ts'

interface Case {
  readonly logits: Float32Array
  readonly params: SamplingParams
  readonly generated?: readonly number[]
  readonly prompt?: readonly number[]
}

/** The distribution over the whole vocabulary, written as plainly as the definitions read. */
function referenceDistribution({ logits, params, generated = [], prompt = [] }: Case): number[] {
  const seen = new Set([...generated, ...prompt])
  const adjusted = Array.from(logits, (logit, token) => {
    let x = logit
    if (seen.has(token)) x = x > 0 ? x / params.repetitionPenalty : x * params.repetitionPenalty
    const count = generated.filter(other => other === token).length
    x -= params.frequencyPenalty * count + (count > 0 ? params.presencePenalty : 0)
    for (const [biased, bias] of params.logitBias) if (biased === token) x += bias
    return x
  })
  const byLogit = (a: number, b: number) => adjusted[b]! - adjusted[a]! || a - b
  const order = [...adjusted.keys()].sort(byLogit)
  if (params.temperature === 0) return adjusted.map((_, token) => (token === order[0] ? 1 : 0))
  const largest = adjusted[order[0]!]!
  const weights = adjusted.map(x => Math.exp((x - largest) / params.temperature))
  let kept = params.topK === 0 ? order : order.slice(0, params.topK)
  const mass = kept.reduce((sum, token) => sum + weights[token]!, 0)
  let before = 0
  kept = kept.filter(token => {
    const isIn = params.topP === 1 || before < params.topP * mass
    before += weights[token]!
    return isIn
  })
  kept = kept.filter(token => weights[token]! >= params.minP)
  const total = kept.reduce((sum, token) => sum + weights[token]!, 0)
  return adjusted.map((_, token) => (kept.includes(token) ? weights[token]! / total : 0))
}

/** Draws tokens of one case; says how often the full logits were read. Scores are computed once: they do not depend on position. */
function sampler({ logits, params, generated = [], prompt = [] }: Case) {
  const query = headQuery({ params, generated, prompt }, logits.length)
  const scores = scoresFromLogits(logits, query)
  let reads = 0
  const readLogits = async () => {
    reads += 1
    return logits
  }
  return {
    draw: (position: number) => sampleToken({ params, query, scores, position, readLogits }),
    reads: () => reads,
  }
}

/** Logits with a spread like a model's: most tokens unlikely, a few likely. */
function someLogits(vocab: number, spread: number, seed = 1): Float32Array {
  return Float32Array.from({ length: vocab }, (_, token) => {
    const [a, b] = philox2x32([token, 0], seed).map(word => (word + 1) / 2 ** 32)
    return spread * Math.sqrt(-2 * Math.log(a!)) * Math.cos(2 * Math.PI * b!)
  })
}

const peaked = someLogits(250, 3)
const flat = someLogits(250, 0.3, 2)
const warm: SamplingParams = { ...greedy, temperature: 1 }
const cases: [string, Case][] = [
  ['temperature 1', { logits: peaked, params: warm }],
  ['temperature 0.7', { logits: peaked, params: { ...warm, temperature: 0.7 } }],
  ['a flat distribution, whose mass lies beyond 64 tokens', { logits: flat, params: warm }],
  ['top_p 0.9', { logits: peaked, params: { ...warm, topP: 0.9 } }],
  ['top_p 0.9 of a flat distribution', { logits: flat, params: { ...warm, topP: 0.9 } }],
  ['top_k 5', { logits: peaked, params: { ...warm, topK: 5 } }],
  ['top_k 150 of a flat distribution', { logits: flat, params: { ...warm, topK: 150 } }],
  ['top_k 40, then top_p 0.8 of what it left', { logits: flat, params: { ...warm, topK: 40, topP: 0.8 } }],
  ['top_k 100, then top_p 0.5', { logits: flat, params: { ...warm, topK: 100, topP: 0.5 } }],
  ['min_p 0.1', { logits: peaked, params: { ...warm, minP: 0.1 } }],
  ['min_p 0.4 of a flat distribution', { logits: flat, params: { ...warm, minP: 0.4 } }],
  [
    'all penalties and a bias',
    {
      logits: peaked,
      params: {
        ...warm,
        presencePenalty: 0.6,
        frequencyPenalty: 0.4,
        repetitionPenalty: 1.3,
        logitBias: [
          [3, 5],
          [44, -100],
        ],
      },
      generated: [1, 1, 7, 200, 33],
      prompt: [9, 7, 120],
    },
  ],
]

test.each(cases)('%s: draws follow the reference distribution', async (_, one) => {
  const expected = referenceDistribution(one)
  const draws = 3000
  const { draw } = sampler(one)
  const counts = new Array<number>(expected.length).fill(0)
  for (let position = 0; position < draws; position++) counts[(await draw(position)).token]! += 1
  const impossible = counts.filter((count, token) => count > 0 && expected[token] === 0)
  expect(impossible).toEqual([])
  // Tokens too rare to count are put into one bin.
  let chiSquare = 0
  let bins = 0
  let restExpected = 0
  let restSeen = 0
  for (const [token, share] of expected.entries()) {
    const mean = share * draws
    if (mean < 20) {
      restExpected += mean
      restSeen += counts[token]!
      continue
    }
    chiSquare += (counts[token]! - mean) ** 2 / mean
    bins += 1
  }
  if (restExpected > 5) chiSquare += (restSeen - restExpected) ** 2 / restExpected
  // Wilson and Hilferty's approximation of the quantile that one in ten thousand passes; the seed is fixed.
  const freedom = Math.max(1, bins)
  const bound = freedom * (1 - 2 / (9 * freedom) + 3.72 * Math.sqrt(2 / (9 * freedom))) ** 3
  expect(chiSquare).toBeLessThan(bound)
})

test.each(cases)('%s: 64 candidates draw what the full logits draw', async (_, one) => {
  const expected = referenceDistribution(one)
  const order = [...expected.keys()].sort((a, b) => expected[b]! - expected[a]! || a - b)
  const { draw } = sampler(one)
  for (let position = 0; position < 300; position++) {
    const uniform = uniformAt(one.params.seed, position)
    let cumulative = 0
    const token = order.find(candidate => {
      cumulative += expected[candidate]!
      return uniform < cumulative
    })
    // Within rounding of a boundary either neighbour is right.
    const sampled = await draw(position)
    if (sampled.token !== token) expect(Math.abs(expected[sampled.token]! - expected[token!]!)).toBeLessThan(1e-3)
  }
})

test('the full logits are read only where the candidates do not decide', async () => {
  const readsOf = async (one: Case) => {
    const { draw, reads } = sampler(one)
    for (let position = 0; position < 200; position++) await draw(position)
    return reads()
  }
  expect(await readsOf({ logits: peaked, params: { ...warm, topP: 0.8 } })).toBe(0)
  expect(await readsOf({ logits: flat, params: { ...warm, topK: 50, topP: 0.9 } })).toBe(0)
  const beyond = await readsOf({ logits: flat, params: warm })
  expect(beyond).toBeGreaterThan(100)
  expect(beyond).toBeLessThan(200)
})

test('greedy takes the likeliest after penalties, the lowest of equals', async () => {
  const logits = Float32Array.of(1, 3, 3, 2)
  expect(await sampler({ logits, params: greedy }).draw(0)).toEqual({ token: 1, logprob: null, topLogprobs: [] })
  const penalised = { logits, params: { ...greedy, presencePenalty: 2 }, generated: [1, 2] }
  expect((await sampler(penalised).draw(0)).token).toBe(3)
})

test('logprobs are the model’s own, before temperature, penalties and filters', async () => {
  const logits = Float32Array.of(0, 1, 2, 3)
  const params = { ...warm, temperature: 0.5, topK: 1, logitBias: [[0, 50]] as [number, number][], logprobs: 2 }
  const sampled = await sampler({ logits, params }).draw(3)
  const total = Math.log(1 + Math.E + Math.E ** 2 + Math.E ** 3)
  expect(sampled.token).toBe(0)
  expect(sampled.logprob).toBeCloseTo(0 - total, 6)
  expect(sampled.topLogprobs.map(([token]) => token)).toEqual([3, 2])
  expect(sampled.topLogprobs[0]![1]).toBeCloseTo(3 - total, 6)
})

test('a draw depends on seed and position alone', async () => {
  const at = async (seed: number, position: number) =>
    (await sampler({ logits: flat, params: { ...warm, seed } }).draw(position)).token
  expect(await at(5, 17)).toBe(await at(5, 17))
  const others = new Set([await at(5, 18), await at(6, 17), await at(7, 17), await at(8, 17)])
  expect(others.size).toBeGreaterThan(2)
})

test('a head that overflows at a large bias draws the same, from the logits themselves', async () => {
  const logits = someLogits(100, 4)
  const params = { ...greedy, temperature: 1, topK: 5, topP: 0.9, logitBias: [[7, 2] as [number, number]] }
  const query = headQuery({ params, generated: [], prompt: [] }, logits.length)
  const exact = scoresFromLogits(logits, query) as HeadScores & { kind: 'candidates' }
  const drawnFrom = (scores: HeadScores, position: number) =>
    sampleToken({ params, query, scores, position, readLogits: async () => logits })
  for (let position = 0; position < 50; position++)
    expect(await drawnFrom({ ...exact, scaledLogSumExp: Number.POSITIVE_INFINITY }, position)).toEqual(
      await drawnFrom(exact, position),
    )
})

test.each([Number.NaN, Number.POSITIVE_INFINITY])('draws nothing from logits that are %s', async bad => {
  for (const params of [
    { ...greedy, logprobs: 2 },
    { ...greedy, temperature: 1 },
    { ...greedy, temperature: 1, topK: 5, logprobs: 20 },
  ])
    for (const logits of [new Float32Array(100).fill(bad), someLogits(100, 4).with(63, bad)])
      await expect(sampler({ logits, params }).draw(3)).rejects.toMatchObject({ code: 'engine_failed' })
})

test.each([
  { ...greedy, temperature: 1e-300 },
  { ...greedy, temperature: 1e-7, repetitionPenalty: 1e-300 },
])('a client’s extremes are no fault of the engine (%#)', async params => {
  const logits = someLogits(100, 4)
  const { token } = await sampler({ logits, params, generated: [17], prompt: [9] }).draw(3)
  expect(token).toBeLessThan(100)
})
