/** Activations between the float types that neighbours may compute in; the identity where they agree, so that splitting changes nothing. */
import { bfloat16ToFloat32, float16ToFloat32, float32ToFloat16 } from '../model/index.ts'
import type { Activation, ActivationDtype } from '../ports/index.ts'
import { bytesOf, float32ToBfloat16, floatsOf } from './float-formats.ts'

export function activationElementBytes(dtype: ActivationDtype): number {
  return dtype === 'f32' ? 4 : 2
}

/** Values of `activation`, row-major [tokens, hidden]. */
export function activationValues(activation: Activation): Float32Array {
  if (activation.dtype === 'f16') return float16ToFloat32(activation.data)
  if (activation.dtype === 'bf16') return bfloat16ToFloat32(activation.data)
  return floatsOf(activation.data)
}

/** `values` [tokens, hidden] as an activation of `dtype`. */
export function activationFromValues(values: Float32Array, hidden: number, dtype: ActivationDtype): Activation {
  const data =
    dtype === 'f32' ? bytesOf(values) : dtype === 'f16' ? float32ToFloat16(values) : float32ToBfloat16(values)
  return { dtype, tokens: values.length / hidden, hidden, data }
}

/** `activation` in `dtype`: itself where it is so already, else rounded to nearest even. */
export function convertActivation(activation: Activation, dtype: ActivationDtype): Activation {
  if (activation.dtype === dtype) return activation
  return activationFromValues(activationValues(activation), activation.hidden, dtype)
}

/** Rows `[start, end)` of `activation`, without a copy. */
export function activationRows(activation: Activation, start: number, end: number): Activation {
  const rowBytes = activation.hidden * activationElementBytes(activation.dtype)
  return { ...activation, tokens: end - start, data: activation.data.subarray(start * rowBytes, end * rowBytes) }
}

/** Positions of one type and width behind each other: a copy, where there is more than one piece. */
export function joinActivations(pieces: readonly Activation[]): Activation {
  const [first] = pieces
  if (pieces.length === 1) return first!
  const data = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.data.length, 0))
  let offset = 0
  let tokens = 0
  for (const piece of pieces) {
    data.set(piece.data, offset)
    offset += piece.data.length
    tokens += piece.tokens
  }
  return { ...first!, tokens, data }
}
