/**
 * A pack of random weights held in memory, for engine tests: the same bytes for the same options in any host. Values are small
 * enough that activations stay near 1 through a few layers, as in a trained model.
 */
import { type Manifest, partNames, partTensors, placeTensors, type Quantisation } from '../src/model/index.ts'
import type { PartSource } from '../src/ports/index.ts'
import { fakeManifest } from './fake-manifest.ts'
import { encodeRandom } from './random-weights.ts'

export interface RandomPackOptions {
  readonly seed?: number
  readonly quantisation?: Quantisation
  readonly architecture?: Manifest['architecture']
  readonly dimensions?: Partial<Manifest['dimensions']>
}

export interface RandomPack {
  readonly manifest: Manifest
  readonly parts: PartSource
}

/** Four layers of width 64 unless told otherwise; qwen3 has q/k norms, qwen2 attention biases. */
export function randomPack(options: RandomPackOptions = {}): RandomPack {
  const architecture = options.architecture ?? 'qwen3'
  const quantisation = options.quantisation ?? 'q8'
  const small = { layers: 4, hidden: 64, heads: 4, kvHeads: 2, headDim: 32, intermediate: 96, vocab: 300, context: 256 }
  const base: Manifest = {
    ...fakeManifest({
      model: `random-${architecture}-${quantisation}`,
      dimensions: { ...small, ...options.dimensions },
    }),
    architecture,
    quantisation,
    attentionBias: architecture === 'qwen2',
    qkNorm: architecture === 'qwen3',
  }
  const parts = partNames(base.dimensions.layers).map(name => {
    const placed = placeTensors(partTensors(base, quantisation, name))
    return {
      name,
      path: `${name}.bin`,
      sha256: '0'.repeat(64),
      sizeBytes: placed.sizeBytes,
      tensors: placed.tensors.map(tensor => ({ ...tensor, shape: [...tensor.shape] })),
    }
  })
  const manifest: Manifest = { ...base, parts }
  return {
    manifest,
    parts: {
      async open(part) {
        const index = manifest.parts.findIndex(({ name }) => name === part.name)
        const bytes = new Uint8Array(part.sizeBytes)
        for (const [i, tensor] of part.tensors.entries()) {
          const target = bytes.subarray(tensor.offset, tensor.offset + tensor.sizeBytes)
          const scaled = tensor.name.endsWith('.scale') ? part.tensors[i - 1]!.dtype : null
          encodeRandom(target, tensor, (options.seed ?? 1) * 4096 + index * 32 + i, scaled)
        }
        return {
          sizeBytes: part.sizeBytes,
          read: async (offset, length) => bytes.slice(offset, offset + length),
          close: async () => undefined,
        }
      },
    },
  }
}
