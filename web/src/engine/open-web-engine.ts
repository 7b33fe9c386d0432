/**
 * The slice engine in a browser, on WebGPU or on WASM; made to run inside a worker, where it blocks nobody. It knows no peers.
 */
import { createGrowingMemoryCaches, type Expansion, noExpansion, openRuntimeEngine } from '@computepool/shared/engine'
import { ComputePoolError } from '@computepool/shared/errors'
import type { FloatType } from '@computepool/shared/graph'
import type { Engine, SliceRequest } from '@computepool/shared/ports'
import { describeAdapter, requestAdapter } from './describe-adapter.ts'
import { createGpuCaches } from './gpu-caches.ts'
import { keepDevice, loadOrt, type WebEngineKind, wasmThreads } from './load-ort.ts'
import { createWebRuntime } from './web-runtime.ts'

export interface WebEngineOptions {
  /** Activations of the WebGPU engine; f16 where the adapter has shader-f16, unless told otherwise. */
  readonly float?: FloatType
  /** Positions of a GPU cache before it grows by doubling; 256 unless told otherwise. */
  readonly smallestCapacity?: number
  /** Most positions in one row on WebGPU, in place of what the adapter is trusted with. */
  readonly maxChunk?: number
  /** Unless told otherwise, WASM holds quantised weights as f32 in slices of up to 768 MiB. */
  readonly expansion?: Expansion
}

/** Prefill rows on WASM: a chunk occupies the worker for as long as it runs. */
const wasmChunk = 64
/**
 * On WASM, MatMulNBits unpacks its whole weight at every step: a plain f32 product is several times faster. Slices that fit are
 * therefore expanded; larger ones stay packed, since WASM has 4 GiB in all and the session is filled from a copy.
 */
const wasmExpansion: Expansion = { dtypes: ['q4', 'q8'], upToBytes: 768 * 2 ** 20 }

/**
 * Loads a slice on `kind`. Errors: what its part source throws, `artifact_invalid`, `engine_unavailable`, `engine_out_of_memory`,
 * `engine_failed`.
 */
export function openWebEngine(
  kind: WebEngineKind,
  slice: SliceRequest,
  options: WebEngineOptions = {},
): Promise<Engine> {
  return kind === 'webgpu' ? openWebGpuEngine(slice, options) : openWasmEngine(slice, options)
}

/** A promise of the error that ends an engine, and the way to tell it. */
function lossPromise(): {
  readonly lost: Promise<ComputePoolError>
  readonly announce: (error: ComputePoolError) => void
} {
  let announce: (error: ComputePoolError) => void = () => undefined
  const lost = new Promise<ComputePoolError>(resolve => {
    announce = resolve
  })
  return { lost, announce: error => announce(error) }
}

async function openWasmEngine(slice: SliceRequest, options: WebEngineOptions): Promise<Engine> {
  const ort = await loadOrt('wasm')
  const { lost, announce } = lossPromise()
  const runtime = createWebRuntime({
    ort,
    kind: 'wasm',
    float: 'f32',
    expansion: options.expansion ?? wasmExpansion,
    onFatal: announce,
  })
  const threads = wasmThreads()
  return openRuntimeEngine(slice, {
    attention: 'fused',
    runtime,
    facts: {
      kind: 'wasm',
      device: `CPU, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
      isSoftware: false,
      activationDtype: 'f32',
      maxChunk: wasmChunk,
      maxRows: 1,
    },
    openCaches: async () => createGrowingMemoryCaches({ manifest: slice.manifest, layers: slice.layers, runtime }),
    lost,
    close: async () => undefined,
  })
}

async function openWebGpuEngine(slice: SliceRequest, options: WebEngineOptions): Promise<Engine> {
  const found = await requestAdapter()
  if ('reason' in found)
    throw new ComputePoolError('engine_unavailable', `No WebGPU engine: ${found.reason}.`, {
      remedy: 'Use the WASM engine.',
    })
  const adapterFacts = describeAdapter(found.adapter)
  const float = options.float ?? adapterFacts.float
  const ort = await loadOrt('webgpu')
  const { lost, announce } = lossPromise()
  const runtime = createWebRuntime({ ort, kind: 'webgpu', float, expansion: noExpansion, onFatal: announce })
  let isClosed = false
  return openRuntimeEngine(slice, {
    attention: 'fused',
    runtime,
    facts: {
      kind: 'webgpu',
      device: adapterFacts.device,
      isSoftware: adapterFacts.isSoftware,
      activationDtype: float,
      maxChunk: options.maxChunk ?? adapterFacts.maxChunk,
      maxRows: 1,
    },
    async openCaches() {
      const device = await keepDevice(ort)
      void device.lost.then(({ reason, message }) => {
        if (!isClosed) announce(deviceLost(reason, message))
      })
      return createGpuCaches({
        ort,
        device,
        float,
        manifest: slice.manifest,
        layers: slice.layers,
        ...(options.smallestCapacity === undefined ? {} : { smallestCapacity: options.smallestCapacity }),
      })
    },
    lost,
    // The device stays: other slices of this worker share it, and the runtime cannot make another.
    close: async () => {
      isClosed = true
    },
  })
}

function deviceLost(reason: string, message: string): ComputePoolError {
  return new ComputePoolError('engine_device_lost', `The GPU device was lost (${reason}): ${message}`, {
    remedy: 'Reload the tab; if it happens again, give it fewer layers.',
  })
}
