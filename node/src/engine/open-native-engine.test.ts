import { engineContract, type RandomPackOptions, randomPack } from '@computepool/shared/testing'
import { describe, test } from 'vitest'
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
      // Measured 4e-7: f32 sums in another order.
      chunkTolerance: 1e-5,
      open: (layers, { kvBudgetBytes = 2 ** 26 } = {}) =>
        openNativeEngine(
          { manifest, layers, parts, kvBudgetBytes, maxContext: 128 },
          { threads: 1, maxChunk: 32, smallestCapacity: 16 },
        ),
    }),
  )
})
