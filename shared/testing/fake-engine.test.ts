import { expect, test } from 'vitest'
import { greedy } from '../src/pipeline/index.ts'
import type { Activation } from '../src/ports/index.ts'
import { openFakeEngine } from './fake-engine.ts'
import { fakeManifest } from './fake-manifest.ts'

const manifest = fakeManifest()
const tokens = [5, 9, 200, 31, 7]
const sample = { params: greedy, generated: [], prompt: [] }

/** The token after `tokens`, through one fake per range, in the order given. */
async function tokenThrough(ranges: readonly (readonly [number, number])[]): Promise<number> {
  let input: { tokens: readonly number[] } | { activation: Activation } = { tokens }
  for (const [start, end] of ranges) {
    const engine = openFakeEngine({ manifest, layers: { start, end } })
    const [output] = await engine.run([{ requestId: 'r', position: 0, input, sample: end === 6 ? sample : null }])
    if (output!.kind === 'token') return output!.sampled.token
    if (output!.kind === 'activation') input = { activation: output!.activation }
  }
  throw new Error('no exit')
}

test('a split fake draws what a whole one draws, and a wrong order of layers does not', async () => {
  const whole = await tokenThrough([[0, 6]])
  expect(
    await tokenThrough([
      [0, 2],
      [2, 5],
      [5, 6],
    ]),
  ).toBe(whole)
  expect(
    await tokenThrough([
      [0, 2],
      [3, 5],
      [2, 3],
      [5, 6],
    ]),
  ).not.toBe(whole)
  expect(
    await tokenThrough([
      [0, 2],
      [5, 6],
    ]),
  ).not.toBe(whole)
})

test('a script decides the greedy token by its position', async () => {
  const engine = openFakeEngine({ manifest, layers: { start: 0, end: 6 } }, { script: position => position + 100 })
  const [output] = await engine.run([{ requestId: 'r', position: 0, input: { tokens }, sample }])
  expect(output).toEqual({ kind: 'token', sampled: { token: 105, logprob: null, topLogprobs: [] } })
})
