/**
 * Random weights in a pack's own encodings, made where they are read: what a tab measures its engines with before it has downloaded
 * anything, and what engine tests run. The same part gives the same bytes everywhere. It says nothing sensible.
 */
import {
  float32ToFloat16,
  type Manifest,
  type PackTensor,
  partNames,
  partTensors,
  placeTensors,
  type TensorDtype,
} from '../model/index.ts'
import type { PartSource } from '../ports/index.ts'

/** `manifest` with parts laid out for its dimensions and quantisation; digests are zeros, since nothing is downloaded. */
export function layOutParts(manifest: Manifest): Manifest {
  const parts = partNames(manifest.dimensions.layers).map(name => {
    const { tensors, sizeBytes } = placeTensors(partTensors(manifest, manifest.quantisation, name))
    return {
      name,
      path: `${name}.bin`,
      sha256: '0'.repeat(64),
      sizeBytes,
      tensors: tensors.map(tensor => ({ ...tensor, shape: [...tensor.shape] })),
    }
  })
  return { ...manifest, parts }
}

/**
 * Parts of random weights whose variance is about 1 / inputs (norms near 1, biases near 0), so that activations neither fade nor
 * explode.
 */
export function randomParts(seed = 1): PartSource {
  return {
    async open(part) {
      const bytes = new Uint8Array(part.sizeBytes)
      for (const [i, tensor] of part.tensors.entries()) {
        const target = bytes.subarray(tensor.offset, tensor.offset + tensor.sizeBytes)
        const scaled = tensor.name.endsWith('.scale') ? part.tensors[i - 1]!.dtype : null
        encodeRandom(target, tensor, { seed: seedOf(seed, `${part.name}/${tensor.name}`), scaled })
      }
      return {
        sizeBytes: part.sizeBytes,
        read: async (offset, length) => bytes.slice(offset, offset + length),
        close: async () => undefined,
      }
    },
  }
}

/** FNV-1a. */
function seedOf(seed: number, name: string): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash
}

/** xorshift32 (Marsaglia 2003). */
function xorshift(seed: number): () => number {
  let state = (Math.imul(seed + 1, 0x9e3779b9) ^ 0x85ebca6b) >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

interface RandomTensor {
  readonly seed: number
  /** For a scale, the type of the tensor that it scales. */
  readonly scaled: TensorDtype | null
}

/** Values drawn for a tensor; a larger one repeats them, since filling hundreds of megabytes would outlast what it is measured for. */
const drawn = 65_521

function encodeRandom(target: Uint8Array, tensor: PackTensor, { seed, scaled }: RandomTensor): void {
  const next = xorshift(seed)
  const uniform = () => next() / 2 ** 31 - 1
  const inputs = (tensor.shape.at(-1) ?? 1) * (scaled === null ? 1 : 32)
  const spread = Math.sqrt(3 / inputs)
  if (tensor.dtype === 'q8' || tensor.dtype === 'q4') {
    const isQ8 = tensor.dtype === 'q8'
    fill(
      target,
      Uint8Array.from({ length: Math.min(drawn, target.length) }, () =>
        isQ8 ? 1 + ((next() >>> 8) % 255) : next() >>> 8,
      ),
    )
    return
  }
  const isNorm = tensor.name.includes('norm')
  const isBias = tensor.name.endsWith('bias')
  const step = spread / (scaled === 'q8' ? 127 : 8)
  const length = Math.min(drawn, target.length / (tensor.dtype === 'f16' ? 2 : 4))
  const values = Float32Array.from({ length }, () => {
    const value = uniform()
    if (scaled !== null) return step * (1 + value / 8)
    return isNorm ? 1 + value / 4 : isBias ? value / 4 : value * spread
  })
  fill(target, tensor.dtype === 'f16' ? float32ToFloat16(values) : new Uint8Array(values.buffer))
}

function fill(target: Uint8Array, pattern: Uint8Array): void {
  for (let at = 0; at < target.length; at += pattern.length) target.set(pattern.subarray(0, target.length - at), at)
}
