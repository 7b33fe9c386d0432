import { describe, expect, it } from 'vitest'
import { openFakeEngine } from '../../testing/fake-engine.ts'
import { fakeManifest } from '../../testing/fake-manifest.ts'
import { greedy, type SamplingParams } from '../pipeline/index.ts'
import type { Engine } from '../ports/index.ts'

const vocab = 8
const manifest = fakeManifest({ dimensions: { vocab } })
const prompt = [5, 1, 2, 7]
const params: SamplingParams = { ...greedy, temperature: 2, logprobs: vocab }

const openWhole = (): Engine => openFakeEngine({ manifest, layers: { start: 0, end: manifest.dimensions.layers } })

async function drawn(engine: Engine, seed: number, draft: readonly number[]): Promise<number[]> {
  const input = { tokens: [...prompt, ...draft] }
  const sample = { params: { ...params, logprobs: null, seed }, generated: [], prompt: [], draft }
  const [output] = await engine.run([{ requestId: 'r', position: 0, input, sample }])
  if (output?.kind !== 'tokens') throw new Error(`expected tokens, got ${output?.kind}`)
  return output.sampled.map(({ token }) => token)
}

/** The model's own probabilities of the token after `tokens`, at temperature 2. */
async function probabilitiesAfter(engine: Engine, tokens: readonly number[]): Promise<number[]> {
  const sample = { params, generated: [], prompt: [] }
  const [output] = await engine.run([{ requestId: 'p', position: 0, input: { tokens }, sample }])
  if (output?.kind !== 'token') throw new Error(`expected a token, got ${output?.kind}`)
  const weights = new Array<number>(vocab).fill(0)
  for (const [token, logprob] of output.sampled.topLogprobs) weights[token] = Math.exp(logprob / 2)
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return weights.map(weight => weight / sum)
}

/** Pearson's statistic, over the classes that expect at least five. */
function chiSquare(counts: readonly number[], probabilities: readonly number[]): { value: number; freedom: number } {
  const total = counts.reduce((sum, count) => sum + count, 0)
  let value = 0
  let freedom = -1
  probabilities.forEach((probability, token) => {
    const expected = probability * total
    if (expected < 5) return
    value += (counts[token]! - expected) ** 2 / expected
    freedom += 1
  })
  return { value, freedom }
}

/** The 99.9 % quantile of chi-square with 1 to 7 degrees of freedom (Abramowitz & Stegun, table 26.8). */
const quantile = [10.828, 13.816, 16.266, 18.467, 20.515, 22.458, 24.322]

describe('tokens drawn behind guesses', () => {
  it.each([0, 1, 2])(
    'have the model’s own distribution, first and second, whatever was guessed (rank %i)',
    async rank => {
      const engine = openWhole()
      const probabilities = await probabilitiesAfter(engine, prompt)
      const guess = [...probabilities.keys()].sort((a, b) => probabilities[b]! - probabilities[a]!)[rank]!
      const first = new Array<number>(vocab).fill(0)
      const second = new Array<number>(vocab).fill(0)
      for (let seed = 0; seed < 12_000; seed++) {
        const [one, two] = await drawn(engine, seed, [guess, 4])
        first[one!]! += 1
        if (two !== undefined) second[two]! += 1
      }
      const ofFirst = chiSquare(first, probabilities)
      expect(ofFirst.freedom).toBeGreaterThan(1)
      expect(ofFirst.value).toBeLessThan(quantile[ofFirst.freedom - 1]!)
      const ofSecond = chiSquare(second, await probabilitiesAfter(engine, [...prompt, guess]))
      expect(ofSecond.freedom).toBeGreaterThan(1)
      expect(ofSecond.value).toBeLessThan(quantile[ofSecond.freedom - 1]!)
      // What came true is as frequent as the model has it: nothing was accepted that was not drawn.
      expect(second.reduce((sum, count) => sum + count, 0)).toBe(first[guess])
    },
  )

  it('are for every seed the tokens of single steps', async () => {
    const engine = openWhole()
    for (let seed = 0; seed < 500; seed++) {
      const singles: number[] = []
      for (let i = 0; i < 4; i++) singles.push((await drawn(engine, seed, [...singles, 3]))[i]!)
      for (const wrongAt of [0, 1, 2, 3]) {
        const draft = singles.slice(0, 3).map((token, i) => (i === wrongAt ? (token + 1) % vocab : token))
        expect(await drawn(engine, seed, draft)).toEqual(singles.slice(0, wrongAt + 1))
      }
    }
  })
})
