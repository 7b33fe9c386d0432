/** One onnxruntime-node session over a graph whose weights stay outside it, and the little typing that its tensors need. */
import { ComputePoolError } from '@computepool/shared/errors'
import { InferenceSession, Tensor } from 'onnxruntime-node'

export interface NativeSessionInput {
  readonly model: Uint8Array
  readonly weights?: readonly { readonly location: string; readonly data: Uint8Array }[]
  /** Threads of one operator; 0 lets the runtime choose. */
  readonly threads?: number
}

/** Errors: `engine_failed` with the runtime's words. */
export async function openNativeSession(input: NativeSessionInput): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(input.model, {
      executionProviders: ['cpu'],
      // The graph is written in fused operators already; further fusions would differ between a whole model and its slices.
      graphOptimizationLevel: 'basic',
      intraOpNumThreads: input.threads ?? 0,
      logSeverityLevel: 3,
      externalData: (input.weights ?? []).map(({ location, data }) => ({ path: location, data })),
    })
  } catch (cause) {
    throw new ComputePoolError('engine_failed', `The native runtime refused the graph: ${String(cause)}`, { cause })
  }
}

export function floatTensor(values: Float32Array, dims: readonly number[]): Tensor {
  return new Tensor('float32', values, dims)
}

export function int32Tensor(values: readonly number[], dims: readonly number[] = [values.length]): Tensor {
  return new Tensor('int32', Int32Array.from(values), dims)
}

export function int64Tensor(values: ArrayLike<number>, dims: readonly number[]): Tensor {
  return new Tensor('int64', BigInt64Array.from(Array.from(values, BigInt)), dims)
}
