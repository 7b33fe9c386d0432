/** Random bytes of one tensor of a pack, in the pack's own encodings. */
import { float32ToFloat16, type PackTensor, type TensorDtype } from '../src/model/index.ts'

/** xorshift32 (Marsaglia 2003): fast enough to fill a hundred million weights. */
function xorshift(seed: number): () => number {
  let state = (Math.imul(seed + 1, 0x9e3779b9) ^ 0x85ebca6b) >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

/**
 * Fills `target` with weights of variance about 1 / inputs (norms near 1, biases near 0), so that a layer neither fades nor
 * explodes. For a scale, `scaled` is the type of the tensor that it scales.
 */
export function encodeRandom(target: Uint8Array, tensor: PackTensor, seed: number, scaled: TensorDtype | null): void {
  const next = xorshift(seed)
  const uniform = () => next() / 2 ** 31 - 1
  const inputs = (tensor.shape.at(-1) ?? 1) * (scaled === null ? 1 : 32)
  const spread = Math.sqrt(3 / inputs)
  if (tensor.dtype === 'q8') {
    for (let i = 0; i < target.length; i++) target[i] = 1 + ((next() >>> 8) % 255)
  } else if (tensor.dtype === 'q4') {
    for (let i = 0; i < target.length; i++) target[i] = next() >>> 8
  } else if (scaled !== null) {
    const step = scaled === 'q8' ? 127 : 8
    target.set(
      float32ToFloat16(Float32Array.from({ length: target.length / 2 }, () => (spread / step) * (1 + uniform() / 8))),
    )
  } else {
    const isNorm = tensor.name.includes('norm')
    const isBias = tensor.name.endsWith('bias')
    const values = Float32Array.from({ length: target.length / (tensor.dtype === 'f16' ? 2 : 4) }, () =>
      isNorm ? 1 + uniform() / 4 : isBias ? uniform() / 4 : uniform() * spread,
    )
    target.set(tensor.dtype === 'f16' ? float32ToFloat16(values) : new Uint8Array(values.buffer))
  }
}
