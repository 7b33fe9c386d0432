/**
 * Block quantisation along the inputs: 32 weights share one f16 scale. Both schemes give back exactly what they were given when the
 * weights are already on their grid, so packing a pack's own weights changes nothing. It knows nothing of files.
 */
import { float16Bits, float16Value } from './float16.ts'

/** Weights that share a scale. */
export const QUANTISATION_BLOCK = 32

/** Quantised values and their scales, as the bytes of a pack (see `tensorDtypeSchema`). */
export interface QuantisedWeights {
  readonly data: Uint8Array
  /** f16, little-endian, one a block. */
  readonly scale: Uint8Array
}

const SMALLEST_NORMAL = 2 ** -14

/** The q8 scale of a block whose largest magnitude is `peak`: f16(peak / 127). */
function scaleForQ8(peak: number): number {
  let bits = float16Bits(Math.min(peak / 127, 65504))
  let scale = float16Value(bits)
  // Among f16's subnormals a scale may be off by more than 1/254, so that the snapped peak would ask for another scale: go down
  // to the one that asks for itself. It ends because a snapped peak never exceeds 127 scales.
  while (scale > 0 && scale < SMALLEST_NORMAL) {
    const snapped = float16Bits((Math.min(127, Math.round(peak / scale)) * scale) / 127)
    if (snapped === bits) break
    bits = snapped
    scale = float16Value(bits)
  }
  return scale
}

/**
 * q8: scale = f16(absmax / 127), value = round(w / scale) within ±127, stored + 128. `weights` is a whole number of blocks.
 * Symmetric int8 as in GGML's Q8_0, but divided by the rounded scale, which makes it idempotent.
 */
export function quantiseQ8(weights: Float32Array): QuantisedWeights {
  const blocks = weights.length / QUANTISATION_BLOCK
  const data = new Uint8Array(weights.length)
  const scales = new Uint8Array(blocks * 2)
  for (let block = 0, at = 0; block < blocks; block++, at += QUANTISATION_BLOCK) {
    const end = at + QUANTISATION_BLOCK
    let peak = 0
    for (let i = at; i < end; i++) {
      const magnitude = Math.abs(weights[i]!)
      if (magnitude > peak) peak = magnitude
    }
    const scale = scaleForQ8(peak)
    setScale(scales, block, float16Bits(scale))
    for (let i = at; i < end; i++) {
      const value = scale === 0 ? 0 : Math.round(weights[i]! / scale)
      data[i] = 128 + Math.max(-127, Math.min(127, value))
    }
  }
  return { data, scale: scales }
}

// Under eight subnormal steps the snapped peak need not be -8 any more; such a block (all weights under 4e-6) becomes zero.
const SMALLEST_Q4_SCALE = 9 * 2 ** -24

/**
 * q4: scale = f16(m / -8) where m is the weight of largest magnitude, with its sign, as GGML's Q4_0 chooses it; value = w / scale + 8
 * rounded, within 0..15, two a byte, low nibble first.
 */
export function quantiseQ4(weights: Float32Array): QuantisedWeights {
  const blocks = weights.length / QUANTISATION_BLOCK
  const data = new Uint8Array(weights.length / 2)
  const scales = new Uint8Array(blocks * 2)
  for (let block = 0, at = 0; block < blocks; block++, at += QUANTISATION_BLOCK) {
    const end = at + QUANTISATION_BLOCK
    let peak = 0
    let signed = 0
    for (let i = at; i < end; i++) {
      const magnitude = Math.abs(weights[i]!)
      if (magnitude > peak) {
        peak = magnitude
        signed = weights[i]!
      }
    }
    const wanted = Math.max(-65504, Math.min(65504, signed / -8))
    const scale = Math.abs(wanted) < SMALLEST_Q4_SCALE ? 0 : float16Value(float16Bits(wanted))
    setScale(scales, block, float16Bits(scale))
    for (let i = at; i < end; i += 2) {
      data[i >>> 1] = nibble(weights[i]!, scale) | (nibble(weights[i + 1]!, scale) << 4)
    }
  }
  return { data, scale: scales }
}

function nibble(weight: number, scale: number): number {
  if (scale === 0) return 8
  const value = Math.floor(weight / scale + 8.5)
  return Math.max(0, Math.min(15, value))
}

function setScale(scales: Uint8Array, block: number, bits: number): void {
  scales[2 * block] = bits & 255
  scales[2 * block + 1] = bits >>> 8
}

function scaleAt(scales: Uint8Array, block: number): number {
  return float16Value(scales[2 * block]! | (scales[2 * block + 1]! << 8))
}

/** The weights that q8 bytes stand for. */
export function dequantiseQ8({ data, scale }: QuantisedWeights): Float32Array {
  const weights = new Float32Array(data.length)
  for (let i = 0; i < weights.length; i++) weights[i] = (data[i]! - 128) * scaleAt(scale, i >>> 5)
  return weights
}

/** The weights that q4 bytes stand for. */
export function dequantiseQ4({ data, scale }: QuantisedWeights): Float32Array {
  const weights = new Float32Array(data.length * 2)
  for (let i = 0; i < data.length; i++) {
    const step = scaleAt(scale, i >>> 4)
    weights[2 * i] = ((data[i]! & 15) - 8) * step
    weights[2 * i + 1] = ((data[i]! >>> 4) - 8) * step
  }
  return weights
}
