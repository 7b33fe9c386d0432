/** Quantised weights as plain floats, for a runtime whose MatMulNBits is slower than a plain product. It knows no session. */

import type { LayerRange, TensorDtype } from '../model/index.ts'
import { float16ToFloat32, type Manifest, partsFor, QUANTISATION_BLOCK } from '../model/index.ts'

export interface PackedWeights {
  readonly dtype: TensorDtype
  readonly data: Uint8Array
  /** f16, little-endian, one a block. */
  readonly scales: Uint8Array
}

/** The weights that q4 or q8 bytes stand for: the very f32 values that MatMulNBits multiplies with. */
export function expandWeights({ dtype, data, scales }: PackedWeights): Float32Array {
  const steps = float16ToFloat32(scales)
  const values = new Float32Array(steps.length * QUANTISATION_BLOCK)
  let at = 0
  let from = 0
  for (const step of steps) {
    const end = at + QUANTISATION_BLOCK
    if (dtype === 'q8') for (; at < end; at++) values[at] = (data[from++]! - 128) * step
    else
      for (; at < end; at += 2) {
        const pair = data[from++]!
        values[at] = ((pair & 15) - 8) * step
        values[at + 1] = ((pair >> 4) - 8) * step
      }
  }
  return values
}

/** Bytes of a slice's weights with the types in `dtypes` as f32; the embedding, which stays on disk, left out. */
export function expandedBytes(manifest: Manifest, layers: LayerRange, dtypes: readonly TensorDtype[]): number {
  let bytes = 0
  for (const part of partsFor(manifest, layers)) {
    if (part.name === 'embedding') continue
    for (const { dtype, shape, sizeBytes } of part.tensors)
      bytes += dtypes.includes(dtype) ? shape.reduce((product, size) => product * size, 4) : sizeBytes
  }
  return bytes
}
