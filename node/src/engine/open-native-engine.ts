/**
 * The slice engine on onnxruntime-node: for headless peers, for packing and for fast tests. It knows no peers.
 */
import {
  type CacheKeeper,
  createGrowingMemoryCaches,
  createSlabCaches,
  type Expansion,
  noExpansion,
  openRuntimeEngine,
} from '@computepool/shared/engine'
import type { FloatType } from '@computepool/shared/graph'
import type { Engine, SliceRequest } from '@computepool/shared/ports'
import { createNativeRuntime, type NativeProvider } from './native-runtime.ts'
import { watchRuntime } from './watch-runtime.ts'

export interface NativeEngineOptions {
  /** The processor unless told otherwise. */
  readonly provider?: NativeProvider
  /** Threads of one operator; 0 lets the runtime choose. */
  readonly threads?: number
  /** Most positions in one row; what the provider is trusted with unless told otherwise. */
  readonly maxChunk?: number
  /** Rows of one position that run together; 8 where caches are static and floats f32, unless told otherwise. */
  readonly maxRows?: number
  /** Positions of the smallest cache; 256 unless told otherwise. */
  readonly smallestCapacity?: number
  /** Unless told otherwise, q8 is held as f32 in slices of up to 2 GiB. */
  readonly expansion?: Expansion
  /** Caches updated in place, or grown by every step. In place on the processor, where they are its own memory. */
  readonly caches?: 'static' | 'growing'
  /** f32 unless told otherwise; f16 runs what a GPU with shader-f16 runs, slowly. */
  readonly float?: FloatType
  /** A double, in tests. */
  readonly createRuntime?: typeof createNativeRuntime
}

/**
 * The CPU provider has a kernel for 4 bits in f32; 8 bits it unpacks whole at every step, ten times slower than a plain product
 * (SmolLM2's shape, one thread: q4 0.2 ms a layer, q8 5.6, f32 0.6). For whoever counts no memory, as packing and tests.
 */
export const nativeExpansion: Expansion = { dtypes: ['q8'], upToBytes: 2 * 2 ** 30 }

const deviceNames = {
  cpu: 'onnxruntime-node CPU',
  webgpu: 'onnxruntime-node WebGPU',
  cuda: 'onnxruntime-node CUDA',
} as const satisfies Record<NativeProvider, string>

/**
 * Most positions in one row unless told otherwise. On the processor a position costs no less in a wider chunk than in one of 64 to 128
 * (docs/decisions/batching.md), and others wait for as long as it runs. onnxruntime-node does not tell what WebGPU adapter it runs on, and on some a wider
 * chunk is silently wrong: the browser's engine does the same with adapters that tell too little.
 */
const chunks = { cpu: 128, webgpu: 16, cuda: 512 } as const satisfies Record<NativeProvider, number>

/** Past eight rows the products cost as much again for each. */
const mostRows = 8

/** Loads a slice. Errors: what its part source throws, `artifact_invalid`, `engine_failed`. */
export async function openNativeEngine(slice: SliceRequest, options: NativeEngineOptions = {}): Promise<Engine> {
  const provider = options.provider ?? 'cpu'
  const caches = options.caches ?? (provider === 'cpu' ? 'static' : 'growing')
  // Growing caches are tensors apart, and no run takes several of them; in f16 the other order of sums shows in the draws.
  const maxRows = caches === 'static' && options.float !== 'f16' ? (options.maxRows ?? mostRows) : 1
  const { runtime, lost } = watchRuntime(
    (options.createRuntime ?? createNativeRuntime)({
      provider,
      threads: options.threads ?? 0,
      expansion: options.expansion ?? (provider === 'cpu' ? nativeExpansion : noExpansion),
      float: options.float ?? 'f32',
    }),
    provider,
  )
  return openRuntimeEngine(slice, {
    runtime,
    // onnxruntime-node copies each fetched output: whole caches, at each step.
    attention: caches === 'static' && runtime.float === 'f32' ? 'plain' : 'fused',
    facts: {
      kind: provider === 'webgpu' ? 'webgpu' : 'native',
      device: deviceNames[provider],
      isSoftware: false,
      activationDtype: options.float ?? 'f32',
      maxChunk: options.maxChunk ?? chunks[provider],
      maxRows,
    },
    // The core passes caches back to whoever made them, unseen: which kind it is need not show in a type.
    openCaches: async () => {
      const input = {
        manifest: slice.manifest,
        layers: slice.layers,
        runtime,
        maxRows,
        kvBudgetBytes: slice.kvBudgetBytes,
        ...(options.smallestCapacity === undefined ? {} : { smallestCapacity: options.smallestCapacity }),
      }
      const keeper = caches === 'growing' ? createGrowingMemoryCaches(input) : createSlabCaches(input)
      return keeper as CacheKeeper<unknown>
    },
    lost,
    close: async () => undefined,
  })
}
