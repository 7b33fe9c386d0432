/** Whether what a neighbour sent are numbers that can be computed with: bits alone, read where they lie. */
import type { Activation, ActivationDtype } from '../ports/index.ts'

/** All bits of the exponent: an infinity or no number. */
const exponents = { f32: 0x7f800000, f16: 0x7c00, bf16: 0x7f80 } as const satisfies Record<ActivationDtype, number>

/** False where a value of `activation` is infinite or not a number. */
export function isFiniteActivation({ dtype, data }: Pick<Activation, 'dtype' | 'data'>): boolean {
  const mask = exponents[dtype]
  const elementBytes = dtype === 'f32' ? 4 : 2
  // A peer may have begun its payload anywhere.
  const { buffer, byteOffset, byteLength } = data.byteOffset % elementBytes === 0 ? data : data.slice()
  const length = byteLength / elementBytes
  const words =
    dtype === 'f32' ? new Int32Array(buffer, byteOffset, length) : new Uint16Array(buffer, byteOffset, length)
  for (let i = 0; i < length; i++) if ((words[i]! & mask) === mask) return false
  return true
}
