/** A manifest for tests whose engine is the fake: well formed, with parts that exist nowhere. */
import type { Manifest, PackPart } from '../src/model/index.ts'

export interface FakeManifestOptions {
  readonly model?: string
  readonly dimensions?: Partial<Manifest['dimensions']>
}

const digest = '0'.repeat(64)
const file = (path: string) => ({ path, sizeBytes: 64, sha256: digest })

/** Six layers, width 8, a vocabulary of 512, 256 positions; override what the test is about. */
export function fakeManifest(options: FakeManifestOptions = {}): Manifest {
  const dimensions: Manifest['dimensions'] = {
    layers: 6,
    hidden: 8,
    heads: 2,
    kvHeads: 1,
    headDim: 4,
    intermediate: 16,
    vocab: 512,
    context: 256,
    ...options.dimensions,
  }
  const part = (name: string): PackPart => ({
    ...file(`${name}.bin`),
    name,
    tensors: [{ name: 'weights', dtype: 'f32', shape: [16], offset: 0, sizeBytes: 64 }],
  })
  return {
    format: 'computepool-pack',
    version: 1,
    model: options.model ?? 'fake',
    architecture: 'qwen3',
    dimensions,
    normEpsilon: 1e-6,
    attentionBias: false,
    qkNorm: true,
    rope: { theta: 10_000, scaling: null },
    tiedEmbeddings: true,
    quantisation: 'f32',
    tokenizer: {
      tokenizer: file('tokenizer.json'),
      config: file('tokenizer_config.json'),
      chatTemplate: null,
      bosToken: null,
      eosToken: null,
      stopTokens: [0],
    },
    parts: [
      part('embedding'),
      ...Array.from({ length: dimensions.layers }, (_, layer) => part(`layer-${layer}`)),
      part('head'),
    ],
    selfTest: null,
    licence: null,
    source: 'fake',
  }
}
