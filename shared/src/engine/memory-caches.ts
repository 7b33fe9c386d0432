/** Caches in plain memory as tensors that grow with each step. It knows no steps. */
import type { LayerRange, Manifest } from '../model/index.ts'
import { copyHeads } from './cache-growth.ts'
import { bytesOf } from './float-formats.ts'
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
  const { runtime } = input
  const { kvHeads, headDim } = input.manifest.dimensions
  const count = 2 * (input.layers.end - input.layers.start)
  const nothing = new Array<null>(count).fill(null)
  async function cut(tensors: readonly RuntimeTensor[], keep: number): Promise<RuntimeTensor[]> {
    const kept: RuntimeTensor[] = []
    for (const tensor of tensors) {
      const source = (await tensor.getData(true)) as Float32Array | Uint16Array
      const length = kvHeads * keep * headDim
      const target = runtime.float === 'f32' ? new Float32Array(length) : new Uint16Array(length)
      copyHeads({ source, target, heads: kvHeads, rowLength: headDim, rows: keep })
      kept.push(runtime.floatTensor(bytesOf(target), [1, kvHeads, keep, headDim]))
    }
    return kept
  }

  return {
    capacityFor: positions => positions,
    allocate: async () => ({
      tensors: Array.from({ length: count }, () => runtime.floatTensor(new Uint8Array(0), [1, kvHeads, 0, headDim])),
    }),
    async resize(cache, { capacity, keep }) {
      const [first] = cache.tensors
      // Growing is the next step's; a request that needs less than the one before is not to hold what that one left.
      if (first !== undefined && first.dims[2]! > capacity) cache.tensors = await cut(cache.tensors, keep)
      return cache
    },
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
