import { activationValues } from '@computepool/shared/engine'
import { relativeError } from '@computepool/shared/selftest'
import { engineContract, type RandomPackOptions, randomPack } from '@computepool/shared/testing'
import { describe, expect, test } from 'vitest'
import { openNativeEngine } from './open-native-engine.ts'

const packs: RandomPackOptions[] = [
  { architecture: 'qwen3', quantisation: 'q8' },
  { architecture: 'qwen2', quantisation: 'q4' },
  { architecture: 'llama', quantisation: 'f16' },
  { architecture: 'qwen3', quantisation: 'f32' },
]

describe.each(packs)('the native engine on $architecture, $quantisation', options => {
  const { manifest, parts } = randomPack(options)
  test.each(engineContract)('$name', ({ run }) =>
    run({
      manifest,
      // Measured 1.6e-6 at most, over all architectures and types: f32 sums in another order.
      chunkTolerance: 1e-5,
      open: (layers, { kvBudgetBytes = 2 ** 26 } = {}) =>
        openNativeEngine(
          { manifest, layers, parts, kvBudgetBytes, maxContext: 128 },
          { threads: 1, maxChunk: 32, smallestCapacity: 16 },
        ),
    }),
  )
})

describe('the native engine in f16, as a GPU with shader-f16 runs it', () => {
  const { manifest, parts } = randomPack({ architecture: 'qwen3', quantisation: 'q4' })
  test.each(engineContract)('$name', ({ run }) =>
    run({
      manifest,
      // Measured 1.8e-3 at most, over all architectures and types: each operator rounds to 11 bits.
      chunkTolerance: 1e-2,
      open: (layers, { kvBudgetBytes = 2 ** 26 } = {}) =>
        openNativeEngine(
          { manifest, layers, parts, kvBudgetBytes, maxContext: 128 },
          { threads: 1, maxChunk: 32, smallestCapacity: 16, float: 'f16' },
        ),
    }),
  )
})

test.each(['q4', 'q8'] as const)('%s weights expanded to f32 compute what packed ones compute', async quantisation => {
  const { manifest, parts } = randomPack({ quantisation })
  const outputs = await Promise.all(
    [0, Number.POSITIVE_INFINITY].map(async upToBytes => {
      const slice = { manifest, parts, layers: { start: 0, end: 3 }, kvBudgetBytes: 2 ** 26, maxContext: 64 }
      const engine = await openNativeEngine(slice, { threads: 1, expansion: { dtypes: ['q4', 'q8'], upToBytes } })
      const tokens = [5, 9, 200, 31, 7]
      const [output] = await engine.run([{ requestId: 'r', position: 0, input: { tokens }, sample: null }])
      if (output?.kind !== 'activation') throw new Error('no activation')
      return { values: activationValues(output.activation), bytes: engine.memory().weightsBytes }
    }),
  )
  const [packed, expanded] = outputs
  expect(expanded!.bytes).toBeGreaterThan(3 * packed!.bytes)
  const { hidden } = manifest.dimensions
  expect(relativeError({ actual: expanded!.values, expected: packed!.values, hidden }).worst).toBeLessThan(1e-5)
})

test('caches in place and caches that grow, whose attention is another, compute the same', async () => {
  const { manifest, parts } = randomPack({ architecture: 'qwen3', quantisation: 'f32' })
  const slice = { manifest, parts, layers: { start: 0, end: 3 }, kvBudgetBytes: 2 ** 26, maxContext: 64 }
  const [plain, fused] = await Promise.all(
    (['static', 'growing'] as const).map(async caches => {
      const engine = await openNativeEngine(slice, { threads: 1, caches, smallestCapacity: 16 })
      const outputs: Float32Array[] = []
      let position = 0
      for (const tokens of [[5, 9, 200, 31, 7], [3], [11, 12], [4], Array.from({ length: 20 }, (_, i) => i)]) {
        const [output] = await engine.run([{ requestId: 'r', position, input: { tokens }, sample: null }])
        if (output?.kind !== 'activation') throw new Error('no activation')
        outputs.push(activationValues(output.activation))
        position += tokens.length
      }
      return outputs
    }),
  )
  const { hidden } = manifest.dimensions
  for (const [i, actual] of plain!.entries())
    expect(relativeError({ actual, expected: fused![i]!, hidden }).worst).toBeLessThan(1e-5)
})

test('numbers gone bad in one request reach no other that gets its place', async () => {
  const { manifest, parts } = randomPack({ quantisation: 'f32' })
  const { hidden } = manifest.dimensions
  const slice = { manifest, parts, layers: { start: 1, end: 3 }, kvBudgetBytes: 2 ** 26, maxContext: 64 }
  const stepOf = (requestId: string, value: number, tokens: number) => {
    const data = new Uint8Array(new Float32Array(tokens * hidden).map((_, i) => value * Math.sin(i)).buffer)
    const activation = { dtype: 'f32' as const, tokens, hidden, data }
    return { requestId, position: 0, input: { activation }, sample: null }
  }
  const run = async (isAfterBad: boolean) => {
    const engine = await openNativeEngine(slice, { threads: 1 })
    if (isAfterBad) {
      await engine.run([stepOf('bad', Number.POSITIVE_INFINITY, 9)]).catch(() => null)
      engine.forget('bad')
    }
    const [output] = await engine.run([stepOf('good', 1, 4)])
    if (output?.kind !== 'activation') throw new Error('no activation')
    return activationValues(output.activation)
  }
  expect(await run(true)).toEqual(await run(false))
})
