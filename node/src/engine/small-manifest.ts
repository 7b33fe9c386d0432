/** A model's shape of three small layers, for trying an execution provider; its weights exist nowhere. */
import type { Manifest } from '@computepool/shared/model'

const nowhere = { path: 'none', sizeBytes: 1, sha256: '0'.repeat(64) }

/** Four bits, as most packs: the operators of a real slice. */
export const smallManifest: Manifest = {
  format: 'computepool-pack',
  version: 1,
  model: 'trial',
  architecture: 'qwen3',
  dimensions: {
    layers: 3,
    hidden: 64,
    heads: 2,
    kvHeads: 1,
    headDim: 32,
    intermediate: 128,
    vocab: 256,
    context: 16,
  },
  normEpsilon: 1e-6,
  attentionBias: false,
  qkNorm: true,
  rope: { theta: 10_000, scaling: null },
  tiedEmbeddings: false,
  quantisation: 'q4',
  tokenizer: {
    tokenizer: nowhere,
    config: nowhere,
    chatTemplate: null,
    bosToken: null,
    eosToken: null,
    stopTokens: [0],
  },
  parts: [],
  selfTest: null,
  licence: null,
  source: 'trial',
}
