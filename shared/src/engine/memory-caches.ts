/** Caches in plain memory as tensors that grow with each step. It knows no steps. */
import type { LayerRange, Manifest } from '../model/index.ts'
import type { CacheKeeper, Runtime, RuntimeTensor } from './runtime.ts'

export interface MemoryCachesInput {
  readonly manifest: Manifest
  readonly layers: LayerRange
  readonly runtime: Runtime
}

interface GrowingCache {
  tensors: readonly RuntimeTensor[]
}

/**
 * Each step's present becomes the next step's past. A rewind leaves the tail in place: the sequence lengths that are fed say where
 * the past ends. For the WASM provider, where one tensor as past and present is silently wrong from the second token on.
 */
export function createGrowingMemoryCaches(input: MemoryCachesInput): CacheKeeper<GrowingCache> {
  const { kvHeads, headDim } = input.manifest.dimensions
  const count = 2 * (input.layers.end - input.layers.start)
  const nothing = new Array<null>(count).fill(null)
  return {
    capacityFor: positions => positions,
    allocate: async () => ({
      tensors: Array.from({ length: count }, () =>
        input.runtime.floatTensor(new Uint8Array(0), [1, kvHeads, 0, headDim]),
      ),
    }),
    resize: async cache => cache,
    release: cache => {
      for (const tensor of cache.tensors) tensor.dispose()
    },
    past: cache => cache.tensors,
    present: () => nothing,
    absorb(cache, present) {
      for (const tensor of cache.tensors) tensor.dispose()
      cache.tensors = present
    },
  }
}
