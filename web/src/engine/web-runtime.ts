/** ONNX Runtime Web as the engine core sees it: sessions on one provider, and tensors. It knows no graphs and no caches. */
import {
  bytesOf,
  type Expansion,
  floatsOf,
  type OpenSessionInput,
  type Runtime,
  type RuntimeSession,
  wordsOf,
} from '@computepool/shared/engine'
import { ComputePoolError } from '@computepool/shared/errors'
import type { FloatType } from '@computepool/shared/graph'
import type { InferenceSession, Tensor } from 'onnxruntime-web'
import type { Ort, WebEngineKind } from './load-ort.ts'

export interface WebRuntimeInput {
  readonly ort: Ort
  readonly kind: WebEngineKind
  readonly float: FloatType
  readonly expansion: Expansion
  /** The WebAssembly module is broken for good, it ended in a trap; or the GPU device is gone. */
  readonly onFatal: (error: ComputePoolError) => void
}

/** Of Dawn and of ONNX Runtime over it. */
const lostWords =
  /device\]?( is| was)? (lost|destroyed)|device[-_ ]lost|valid external Instance reference no longer exists/i

/**
 * Sessions fail with `engine_failed`, `engine_out_of_memory`, `engine_device_lost` or `engine_worker_died` and the runtime's words; the
 * last two are told to `onFatal` as well.
 */
export function createWebRuntime({ ort, kind, float, expansion, onFatal }: WebRuntimeInput): Runtime {
  return {
    float,
    expansion,
    openSession: input => openSession(ort, kind, input, onFatal),
    floatTensor: (data, dims) =>
      float === 'f32'
        ? new ort.Tensor('float32', floatsOf(data), dims)
        : new ort.Tensor('float16', wordsOf(data), dims),
    float32Tensor: (data, dims) => new ort.Tensor('float32', data, dims),
    int32Tensor: (data, dims) => new ort.Tensor('int32', data, dims),
    int64Tensor: (data, dims) => new ort.Tensor('int64', data, dims),
  }
}

async function openSession(
  ort: Ort,
  kind: WebEngineKind,
  input: OpenSessionInput,
  onFatal: (error: ComputePoolError) => void,
): Promise<RuntimeSession> {
  const told = (cause: unknown): ComputePoolError => {
    const error = sessionError(kind, cause)
    if (error.code === 'engine_worker_died' || error.code === 'engine_device_lost') onFatal(error)
    return error
  }
  const locations: Record<string, 'gpu-buffer'> = {}
  if (kind === 'webgpu') for (const name of input.deviceOutputs) locations[name] = 'gpu-buffer'
  const options: InferenceSession.SessionOptions = {
    executionProviders: [kind],
    // The graph is written in fused operators already; further fusions would differ between a whole model and its slices.
    graphOptimizationLevel: 'basic',
    logSeverityLevel: 3,
    externalData: input.weights.map(({ location, data }) => ({ path: location, data: bytesOf(data) })),
  }
  if (Object.keys(locations).length > 0) options.preferredOutputLocation = locations
  try {
    const session = await ort.InferenceSession.create(input.model, options)
    return {
      async run(feeds, fetches) {
        const tensors = feeds as Record<string, Tensor>
        try {
          return await (fetches === undefined
            ? session.run(tensors)
            : session.run(tensors, fetches as Record<string, Tensor | null>))
        } catch (cause) {
          throw told(cause)
        }
      },
      release: () => session.release(),
    }
  } catch (cause) {
    throw told(cause)
  }
}

function sessionError(kind: WebEngineKind, cause: unknown): ComputePoolError {
  const words = cause instanceof Error ? cause.message : String(cause)
  // The runtime throws plain numbers and texts: an allocation that failed inside WebAssembly shows only by its words.
  if (/out of memory|bad_alloc|allocat/i.test(words))
    return new ComputePoolError('engine_out_of_memory', `The ${kind} engine has no memory for the slice: ${words}`, {
      remedy: 'Give this tab fewer layers.',
      cause,
    })
  // A step under way fails before the device says why it is gone.
  if (kind === 'webgpu' && lostWords.test(words))
    return new ComputePoolError('engine_device_lost', `The GPU device was lost during a step: ${words}`, {
      remedy: 'Reload the tab; if it happens again, give it fewer layers.',
      cause,
    })
  if (cause instanceof WebAssembly.RuntimeError)
    return new ComputePoolError('engine_worker_died', `The ${kind} engine ended in a trap: ${words}`, {
      remedy: 'The tab starts its worker again; if it happens again, give it fewer layers.',
      cause,
    })
  return new ComputePoolError('engine_failed', `The ${kind} engine failed: ${words}`, { cause })
}
