/** onnxruntime-node as the engine core sees it: one execution provider of it. It knows no graphs. */
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
import { InferenceSession, Tensor } from 'onnxruntime-node'

/** The execution providers that a headless peer tries: the processor, Vulkan (or Direct3D, Metal) through WebGPU, NVIDIA's. */
export type NativeProvider = 'cpu' | 'webgpu' | 'cuda'

export interface NativeRuntimeOptions {
  readonly provider: NativeProvider
  /** Threads of one operator; 0 lets the runtime choose. */
  readonly threads: number
  readonly expansion: Expansion
  readonly float: FloatType
}

/** Sessions fail with `engine_failed` and the runtime's words. */
export function createNativeRuntime({ provider, threads, expansion, float }: NativeRuntimeOptions): Runtime {
  return {
    float,
    expansion,
    openSession: input => openSession(input, provider, threads),
    floatTensor: (data, dims) =>
      float === 'f32' ? new Tensor('float32', floatsOf(data), dims) : new Tensor('float16', wordsOf(data), dims),
    float32Tensor: (data, dims) => new Tensor('float32', data, dims),
    int32Tensor: (data, dims) => new Tensor('int32', data, dims),
    int64Tensor: (data, dims) => new Tensor('int64', data, dims),
  }
}

async function openSession(
  input: OpenSessionInput,
  provider: NativeProvider,
  threads: number,
): Promise<RuntimeSession> {
  try {
    const session = await InferenceSession.create(input.model, {
      executionProviders: [provider],
      // The graph is written in fused operators already; further fusions would differ between a whole model and its slices.
      graphOptimizationLevel: 'basic',
      intraOpNumThreads: threads,
      logSeverityLevel: 3,
      externalData: input.weights.map(({ location, data }) => ({ path: location, data: bytesOf(data) })),
    })
    return {
      run: (feeds, fetches) => {
        const tensors = feeds as Record<string, Tensor>
        return fetches === undefined
          ? session.run(tensors)
          : session.run(tensors, fetches as Record<string, Tensor | null>)
      },
      release: () => session.release(),
    }
  } catch (cause) {
    throw new ComputePoolError(
      'engine_failed',
      `The native runtime (${provider}) refused the graph: ${String(cause)}`,
      { cause },
    )
  }
}
