/**
 * Cosines and sines of the rotary position embedding (Su et al. 2021, RoFormer), with llama3's stretched frequencies where the
 * model has them (as in transformers' `_compute_llama3_parameters`). It knows no graph.
 */
import type { Manifest } from '../model/index.ts'

export interface RotaryCache {
  /** [positions, headDim / 2] */
  readonly cos: Float32Array<ArrayBuffer>
  readonly sin: Float32Array<ArrayBuffer>
}

/** Turns per position of each pair of dimensions, [headDim / 2]. */
export function rotaryFrequencies(rope: Manifest['rope'], headDim: number): Float64Array {
  const frequencies = Float64Array.from({ length: headDim / 2 }, (_, i) => rope.theta ** ((-2 * i) / headDim))
  const { scaling } = rope
  if (scaling === null) return frequencies
  const longest = scaling.originalContext / scaling.lowFrequencyFactor
  const shortest = scaling.originalContext / scaling.highFrequencyFactor
  return frequencies.map(frequency => {
    const wavelength = (2 * Math.PI) / frequency
    if (wavelength > longest) return frequency / scaling.factor
    if (wavelength < shortest) return frequency
    const smooth =
      (scaling.originalContext / wavelength - scaling.lowFrequencyFactor) /
      (scaling.highFrequencyFactor - scaling.lowFrequencyFactor)
    return ((1 - smooth) * frequency) / scaling.factor + smooth * frequency
  })
}

/** The caches of the first `positions` positions. Angles are taken in f64: an f32 angle is off in the third digit at position 30,000. */
export function rotaryCache(rope: Manifest['rope'], headDim: number, positions: number): RotaryCache {
  const frequencies = rotaryFrequencies(rope, headDim)
  const half = headDim / 2
  const cos = new Float32Array(positions * half)
  const sin = new Float32Array(positions * half)
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < half; i++) {
      const angle = position * frequencies[i]!
      cos[position * half + i] = Math.cos(angle)
      sin[position * half + i] = Math.sin(angle)
    }
  }
  return { cos, sin }
}
