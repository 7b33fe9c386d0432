/**
 * The slice engine on onnxruntime-node's CPU provider: for headless peers, for packing and for fast tests. It knows no peers.
 */
import {
  type CacheKeeper,
  createGrowingMemoryCaches,
  createStaticMemoryCaches,
  openRuntimeEngine,
} from '@computepool/shared/engine'
import type { Engine, SliceRequest } from '@computepool/shared/ports'
import { createNativeRuntime } from './native-runtime.ts'

export interface NativeEngineOptions {
  /** Threads of one operator; 0 lets the runtime choose. */
  readonly threads?: number
  /** Most positions in one row. */
  readonly maxChunk?: number
  /** Positions of a cache before it grows by doubling; 256 unless told otherwise. */
  readonly smallestCapacity?: number
  /** Expands quantised weights to f32 where the slice then takes at most so many bytes: for measuring. */
  readonly expandUpToBytes?: number
  /** Caches updated in place, or grown by every step: for measuring. */
  readonly caches?: 'static' | 'growing'
}

/** Loads a slice. Errors: what its part source throws, `artifact_invalid`, `engine_failed`. */
export async function openNativeEngine(slice: SliceRequest, options: NativeEngineOptions = {}): Promise<Engine> {
  const runtime = createNativeRuntime({
    threads: options.threads ?? 0,
    expandUpToBytes: options.expandUpToBytes ?? 0,
  })
  return openRuntimeEngine(slice, {
    runtime,
    facts: {
      kind: 'native',
      device: 'onnxruntime-node CPU',
      isSoftware: false,
      activationDtype: 'f32',
      maxChunk: options.maxChunk ?? 512,
    },
    // The core passes caches back to whoever made them, unseen: which kind it is need not show in a type.
    openCaches: async () => {
      const input = {
        manifest: slice.manifest,
        layers: slice.layers,
        runtime,
        ...(options.smallestCapacity === undefined ? {} : { smallestCapacity: options.smallestCapacity }),
      }
      const keeper = options.caches === 'growing' ? createGrowingMemoryCaches(input) : createStaticMemoryCaches(input)
      return keeper as CacheKeeper<unknown>
    },
    // A CPU does not get lost.
    lost: new Promise(() => undefined),
    close: async () => undefined,
  })
}
