/**
 * Turns a checkpoint's stored weights (safetensors or GGUF types) into a pack's. Blocks that already lie on the target's grid are
 * re-ordered, never re-rounded. It knows types and bytes, not names or files.
 */
import { ComputePoolError } from '../errors/index.ts'
import { bfloat16ToFloat32, float16ToFloat32, float16Value, float32ToFloat16 } from './float16.ts'
import type { TensorDtype } from './manifest.ts'
import { QUANTISATION_BLOCK, type QuantisedWeights, quantiseQ4, quantiseQ8 } from './quantise.ts'

/** How a checkpoint stores a tensor; the quantised ones are GGML's blocks of 32. */
export type SourceType = 'F32' | 'F16' | 'BF16' | 'Q8_0' | 'Q4_0' | 'Q4_1'

const blockBytes = { F32: 4, F16: 2, BF16: 2, Q8_0: 34, Q4_0: 18, Q4_1: 20 } as const
const blockWeights = { F32: 1, F16: 1, BF16: 1, Q8_0: 32, Q4_0: 32, Q4_1: 32 } as const

/** Bytes of `count` weights, or null where they do not fill whole blocks. */
export function sourceBytes(type: SourceType, count: number): number | null {
  return count % blockWeights[type] === 0 ? (count / blockWeights[type]) * blockBytes[type] : null
}

/** Stored weights as f32. The host must be little-endian, as every host that runs this is. */
export function decodeWeights(type: SourceType, bytes: Uint8Array): Float32Array {
  switch (type) {
    case 'F32':
      return new Float32Array(new Uint8Array(bytes).buffer)
    case 'F16':
      return float16ToFloat32(bytes)
    case 'BF16':
      return bfloat16ToFloat32(bytes)
    default:
      return decodeBlocks(type, bytes)
  }
}

function decodeBlocks(type: 'Q8_0' | 'Q4_0' | 'Q4_1', bytes: Uint8Array): Float32Array {
  const size = blockBytes[type]
  const blocks = Math.floor(bytes.length / size)
  const weights = new Float32Array(blocks * QUANTISATION_BLOCK)
  for (let block = 0; block < blocks; block++) {
    const from = block * size
    const to = block * QUANTISATION_BLOCK
    const scale = f16At(bytes, from)
    if (type === 'Q8_0') {
      for (let i = 0; i < 32; i++) weights[to + i] = ((bytes[from + 2 + i]! << 24) >> 24) * scale
      continue
    }
    const values = from + size - 16
    const [offset, minimum] = type === 'Q4_0' ? [-8, 0] : [0, f16At(bytes, from + 2)]
    for (let i = 0; i < 16; i++) {
      const pair = bytes[values + i]!
      weights[to + i] = Math.fround(((pair & 15) + offset) * scale) + minimum
      weights[to + i + 16] = Math.fround(((pair >>> 4) + offset) * scale) + minimum
    }
  }
  return weights
}

function f16At(bytes: Uint8Array, at: number): number {
  return float16Value(bytes[at]! | (bytes[at + 1]! << 8))
}

/** Bytes of a pack's tensor; `scale` only where it is quantised. */
export interface PackedWeights {
  readonly data: Uint8Array
  readonly scale: Uint8Array | null
}

/**
 * Stored weights as a pack's `dtype`. Q8_0 to q8, and Q4_0 to q4 or q8, keep every weight exactly. `tensor` names the weights in errors.
 * Errors: `artifact_invalid` for a value that is not finite, or too large for f16.
 */
export function encodeWeights(type: SourceType, bytes: Uint8Array, dtype: TensorDtype, tensor: string): PackedWeights {
  const exact = regroupBlocks(type, bytes, dtype)
  if (exact) return exact
  const weights = decodeWeights(type, bytes)
  refuseUnusable(weights, dtype, tensor)
  switch (dtype) {
    case 'f32':
      return { data: new Uint8Array(weights.buffer), scale: null }
    case 'f16':
      return { data: type === 'F16' ? new Uint8Array(bytes) : float32ToFloat16(weights), scale: null }
    case 'q8':
      return quantiseQ8(weights)
    case 'q4':
      return quantiseQ4(weights)
  }
}

function regroupBlocks(type: SourceType, bytes: Uint8Array, dtype: TensorDtype): QuantisedWeights | null {
  const fits = (type === 'Q8_0' && dtype === 'q8') || (type === 'Q4_0' && (dtype === 'q4' || dtype === 'q8'))
  if (!fits) return null
  const size = blockBytes[type]
  const blocks = bytes.length / size
  const data = new Uint8Array(blocks * (dtype === 'q4' ? 16 : 32))
  const scale = new Uint8Array(blocks * 2)
  for (let block = 0; block < blocks; block++) {
    const from = block * size
    scale[2 * block] = bytes[from]!
    scale[2 * block + 1] = bytes[from + 1]!
    // A scale that is no number would spoil the whole block: leave it to the decoding path, which names the tensor.
    if ((bytes[from + 1]! & 0x7c) === 0x7c) return null
    if (type === 'Q8_0') for (let i = 0; i < 32; i++) data[32 * block + i] = bytes[from + 2 + i]! ^ 128
    else if (dtype === 'q4') regroupNibbles(bytes, from + 2, data, 16 * block)
    else widenNibbles(bytes, from + 2, data, 32 * block)
  }
  return { data, scale }
}

/** GGML keeps weights 0..15 in the low nibbles and 16..31 in the high ones; a pack keeps neighbours together. */
function regroupNibbles(source: Uint8Array, from: number, target: Uint8Array, to: number): void {
  for (let i = 0; i < 8; i++) {
    const first = source[from + 2 * i]!
    const second = source[from + 2 * i + 1]!
    target[to + i] = (first & 15) | ((second & 15) << 4)
    target[to + i + 8] = (first >>> 4) | (second & 240)
  }
}

function widenNibbles(source: Uint8Array, from: number, target: Uint8Array, to: number): void {
  for (let i = 0; i < 16; i++) {
    target[to + i] = (source[from + i]! & 15) + 120
    target[to + i + 16] = (source[from + i]! >>> 4) + 120
  }
}

function refuseUnusable(weights: Float32Array, dtype: TensorDtype, tensor: string): void {
  const limit = dtype === 'f16' ? 65520 : Number.POSITIVE_INFINITY
  // By index: an iterator over a typed array is several times slower.
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i]!
    if (Math.abs(weight) < limit) continue
    throw new ComputePoolError(
      'artifact_invalid',
      `Tensor "${tensor}" holds ${weight}, which a ${dtype} pack cannot hold.`,
      {
        remedy: Number.isFinite(weight)
          ? 'Pack with quantisation f32, q8 or q4.'
          : 'The checkpoint is damaged: fetch it again.',
        context: { tensor },
      },
    )
  }
}
