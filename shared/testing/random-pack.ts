/** A pack of random weights held in memory, for engine tests: the same bytes for the same options in any host. */
import { layOutParts, randomParts } from '../src/engine/index.ts'
import type { Manifest, Quantisation } from '../src/model/index.ts'
import type { PartSource } from '../src/ports/index.ts'
import { fakeManifest } from './fake-manifest.ts'

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
  const small = {
    layers: 4,
    hidden: 64,
    heads: 4,
    kvHeads: 2,
    headDim: 32,
    intermediate: 96,
    vocab: 300,
    context: 256,
  }
  const manifest = layOutParts({
    ...fakeManifest({
      model: `random-${architecture}-${quantisation}`,
      dimensions: { ...small, ...options.dimensions },
    }),
    architecture,
    quantisation,
    attentionBias: architecture === 'qwen2',
    qkNorm: architecture === 'qwen3',
  })
  return { manifest, parts: randomParts(options.seed) }
}
