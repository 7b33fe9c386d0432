/**
 * Reads a slice's tensors from verified parts into the bytes that a session wants: quantised values as they are, scales, norms,
 * biases and plain weights in the engine's float type. One tensor is converted at a time. It knows no session.
 */
import { ComputePoolError } from '../errors/index.ts'
import { type ExternalTensor, type FloatType, rotaryCache, sessionType, weightName } from '../graph/index.ts'
import { float16ToFloat32, float32ToFloat16, type PackTensor } from '../model/index.ts'
import type { SliceRequest } from '../ports/index.ts'
import { expandWeights } from './expand-weights.ts'
import { bytesOf, floatsOf } from './float-formats.ts'

/** Bytes of one external tensor of a graph. */
export interface LoadedTensor {
  readonly location: string
  readonly data: Uint8Array<ArrayBuffer>
}

export interface LoadWeightsInput {
  readonly slice: SliceRequest
  /** The graph's external tensors; all are loaded. */
  readonly external: readonly ExternalTensor[]
  readonly float: FloatType
}

/** Every external tensor of a graph. Errors: `artifact_invalid` where the pack lacks one, and what the readers throw. */
export async function loadWeights(input: LoadWeightsInput): Promise<LoadedTensor[]> {
  const { slice, external, float } = input
  const wanted = new Map(external.map(tensor => [tensor.location, tensor]))
  const loaded: LoadedTensor[] = []
  if (wanted.has('rotary.cos')) {
    const { rope, dimensions } = slice.manifest
    const { cos, sin } = rotaryCache(rope, dimensions.headDim, slice.maxContext)
    for (const [location, values] of [
      ['rotary.cos', cos],
      ['rotary.sin', sin],
    ] as const) {
      loaded.push({ location, data: float === 'f32' ? bytesOf(values) : bytesOf(float32ToFloat16(values)) })
      wanted.delete(location)
    }
  }
  const jobs = slice.manifest.parts.map(part => ({
    part,
    tensors: part.tensors.filter(({ name }) => wanted.has(weightName(part.name, name))),
  }))
  const totalBytes = jobs.reduce(
    (sum, { tensors }) => tensors.reduce((part, { sizeBytes }) => part + sizeBytes, sum),
    0,
  )
  let loadedBytes = 0
  for (const { part, tensors } of jobs) {
    if (tensors.length === 0) continue
    const reader = await slice.parts.open(part)
    try {
      for (const tensor of tensors) {
        const location = weightName(part.name, tensor.name)
        const bytes = await reader.read(tensor.offset, tensor.sizeBytes)
        const isExpanded = wanted.get(location)!.type !== 'u8' && (tensor.dtype === 'q4' || tensor.dtype === 'q8')
        if (isExpanded) {
          const scale = part.tensors.find(({ name }) => name === `${tensor.name}.scale`)
          if (scale === undefined) break
          const scales = await reader.read(scale.offset, scale.sizeBytes)
          const values = expandWeights({ dtype: tensor.dtype, data: bytes, scales })
          loaded.push({ location, data: float === 'f32' ? bytesOf(values) : bytesOf(float32ToFloat16(values)) })
        } else loaded.push({ location, data: inSessionType(bytes, tensor, float) })
        wanted.delete(location)
        loadedBytes += tensor.sizeBytes
        slice.onProgress?.(loadedBytes, totalBytes)
      }
    } finally {
      await reader.close()
    }
  }
  if (wanted.size > 0)
    throw new ComputePoolError(
      'artifact_invalid',
      `The pack of ${slice.manifest.model} lacks ${[...wanted.keys()].join(', ')}.`,
      {
        remedy: 'Pack the model again.',
      },
    )
  return loaded
}

function inSessionType(bytes: Uint8Array, tensor: PackTensor, float: FloatType): Uint8Array<ArrayBuffer> {
  const target = sessionType(tensor.dtype, float)
  if (target === 'u8' || target === tensor.dtype)
    return bytes.buffer instanceof ArrayBuffer ? bytesOf(bytes) : bytes.slice()
  return target === 'f32' ? bytesOf(float16ToFloat32(bytes)) : bytesOf(float32ToFloat16(floatsOf(bytes)))
}
