/** Activations between the float types that neighbours may compute in; the identity where they agree, so that splitting changes nothing. */
import type { Activation, ActivationDtype } from '../ports/index.ts'
import { bfloatsToFloats, bytesOf, floatsOf, floatsToBfloats, floatsToHalves, halvesToFloats } from './float-formats.ts'

export function activationElementBytes(dtype: ActivationDtype): number {
  return dtype === 'f32' ? 4 : 2
}

/** Values of `activation`, row-major [tokens, hidden]. */
export function activationValues(activation: Activation): Float32Array {
  if (activation.dtype === 'f16') return halvesToFloats(activation.data)
  if (activation.dtype === 'bf16') return bfloatsToFloats(activation.data)
  return floatsOf(activation.data)
}

/** `values` [tokens, hidden] as an activation of `dtype`. */
export function activationFromValues(values: Float32Array, hidden: number, dtype: ActivationDtype): Activation {
  const words = dtype === 'f32' ? values : dtype === 'f16' ? floatsToHalves(values) : floatsToBfloats(values)
  return { dtype, tokens: values.length / hidden, hidden, data: bytesOf(words) }
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
