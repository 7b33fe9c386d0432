/**
 * Loads ONNX Runtime Web once for each kind of engine: the build with the native WebGPU provider, or the plain WASM one, which is
 * half its size and faster on the CPU. Its files come from our own origin, by URLs that the bundler knows. It knows no graphs.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { writeArgmaxGraph } from '@computepool/shared/graph'
import type { InferenceSession } from 'onnxruntime-web'
import asyncifyGlueUrl from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url'
import asyncifyBinaryUrl from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url'
import plainGlueUrl from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url'
import plainBinaryUrl from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url'

export type Ort = typeof import('onnxruntime-web')
export type WebEngineKind = 'webgpu' | 'wasm'

/** Sessions that only keep the runtime's WebGPU context, and with it its compiled shaders, alive between slices. */
const keepers = new Map<Ort, Promise<InferenceSession>>()
const loading = new Map<WebEngineKind, Promise<Ort>>()

/** The runtime for `kind`. Errors: `engine_unavailable` where its files do not load. */
export function loadOrt(kind: WebEngineKind): Promise<Ort> {
  let promise = loading.get(kind)
  if (promise === undefined) {
    promise = load(kind).catch(cause => {
      loading.delete(kind)
      throw new ComputePoolError('engine_unavailable', `ONNX Runtime for ${kind} did not load: ${String(cause)}`, {
        remedy: 'Reload the page; if it stays, the deployment lacks its .wasm files.',
        cause,
      })
    })
    loading.set(kind, promise)
  }
  return promise
}

async function load(kind: WebEngineKind): Promise<Ort> {
  const ort: Ort = kind === 'webgpu' ? await import('onnxruntime-web/webgpu') : await import('onnxruntime-web/wasm')
  ort.env.logLevel = 'error'
  // Absolute: the glue resolves them from inside a worker that may live on another path.
  const absolute = (url: string) => new URL(url, globalThis.location.href).href
  ort.env.wasm.wasmPaths =
    kind === 'webgpu'
      ? { mjs: absolute(asyncifyGlueUrl), wasm: absolute(asyncifyBinaryUrl) }
      : { mjs: absolute(plainGlueUrl), wasm: absolute(plainBinaryUrl) }
  ort.env.wasm.numThreads = kind === 'webgpu' ? 1 : wasmThreads()
  return ort
}

/**
 * Threads of the WASM engine: shared memory needs a cross-origin isolated page. Half of the logical processors, four at most:
 * decoding is bound by memory, and on a busy machine of two processors one thread took half the time of two (SmolLM2's shape).
 */
export function wasmThreads(): number {
  if (!globalThis.crossOriginIsolated) return 1
  return Math.max(1, Math.min(4, Math.floor(globalThis.navigator.hardwareConcurrency / 2)))
}

/** The runtime's GPU device. Its context is kept from now on: the next slice finds its shaders compiled (seconds on slow adapters). */
export async function keepDevice(ort: Ort): Promise<GPUDevice> {
  let keeper = keepers.get(ort)
  if (keeper === undefined) {
    keeper = ort.InferenceSession.create(writeArgmaxGraph(64), { executionProviders: ['webgpu'], logSeverityLevel: 3 })
    keepers.set(ort, keeper)
    keeper.catch(() => keepers.delete(ort))
  }
  await keeper
  const device = (await ort.env.webgpu.device) as GPUDevice
  void device.lost.then(() => {
    if (keepers.get(ort) !== keeper) return
    keepers.delete(ort)
    void keeper.then(session => session.release()).catch(() => undefined)
  })
  return device
}
