/** Two ways to keep caches in plain memory: static tensors updated in place, and tensors that grow with each step. */
import type { LayerRange, Manifest } from '../model/index.ts'
import { copyHeads, doubledCapacity } from './cache-growth.ts'
import { bytesOf } from './float-formats.ts'
import type { CacheKeeper, Runtime, RuntimeTensor } from './runtime.ts'

export interface MemoryCachesInput {
  readonly manifest: Manifest
  readonly layers: LayerRange
  readonly runtime: Runtime
  /** Positions of a static cache before it grows; 256 unless told otherwise. */
  readonly smallestCapacity?: number
}

interface StaticCache {
  readonly arrays: readonly (Float32Array | Uint16Array)[]
  readonly tensors: readonly RuntimeTensor[]
}

/** Caches of 256, 512 … positions, fed and fetched as the same tensor: right on the native CPU provider. */
export function createStaticMemoryCaches(input: MemoryCachesInput): CacheKeeper<StaticCache> {
  const { kvHeads, headDim } = input.manifest.dimensions
  const count = 2 * (input.layers.end - input.layers.start)
  const newArray = (length: number) =>
    input.runtime.float === 'f32' ? new Float32Array(length) : new Uint16Array(length)
  const allocate = (capacity: number): StaticCache => {
    const arrays = Array.from({ length: count }, () => newArray(kvHeads * capacity * headDim))
    return {
      arrays,
      tensors: arrays.map(array => input.runtime.floatTensor(bytesOf(array), [1, kvHeads, capacity, headDim])),
    }
  }
  return {
    capacityFor: positions => doubledCapacity(positions, input.smallestCapacity),
    allocate: async capacity => allocate(capacity),
    async resize(cache, { capacity, keep }) {
      const grown = allocate(capacity)
      cache.arrays.forEach((source, i) => {
        copyHeads({ source, target: grown.arrays[i]!, heads: kvHeads, rowLength: headDim, rows: keep })
      })
      return grown
    },
    release: () => undefined,
    past: cache => cache.tensors,
    present: cache => cache.tensors,
    absorb: () => undefined,
  }
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
