/**
 * The models under measurement: the demo model, which was trained, and random ones of several shapes; each in any encoding. A tab and a
 * process that are told the same name have the same weights.
 */
import type { Quantisation } from '@computepool/shared/model'
import { type RandomPackOptions, randomPack } from '@computepool/shared/testing'
import { requantise, type Weights } from './requantise.ts'

const small = { hidden: 64, heads: 4, kvHeads: 2, headDim: 32, intermediate: 160, vocab: 512, context: 1024 }
/** SmolLM2-135M's shape; fewer layers, and a vocabulary that does not outlast them. */
const wide = { hidden: 576, heads: 9, kvHeads: 3, headDim: 64, intermediate: 1536, vocab: 4096, context: 1024 }

const shapes = {
  'deep-64': { architecture: 'qwen3', dimensions: { ...small, layers: 48 } },
  'qwen2-64': { architecture: 'qwen2', dimensions: { ...small, layers: 4 } },
  'llama-64': { architecture: 'llama', dimensions: { ...small, layers: 4 } },
  'wide-576': { architecture: 'llama', dimensions: { ...wide, layers: 8 } },
} as const satisfies Record<string, RandomPackOptions>

export type Shape = keyof typeof shapes
/** Of the demo model there is one; of a random shape, one for each seed. */
export interface ModelName {
  readonly shape: Shape | 'demo'
  readonly seed: number
  readonly quantisation: Quantisation
}

const mostOpened = 3
const opened = new Map<string, Weights>()

/** The named model; `demo` is its pack, as whoever runs this reads it. Random weights are drawn in f32 and rounded from there. */
export function openModel(name: ModelName, demo: Weights): Weights {
  const key = JSON.stringify([name.shape, name.seed, name.quantisation])
  const known = opened.get(key)
  if (known !== undefined) return known
  // Slices of one model, and its coarser copies, follow each other; others will not be asked for again.
  for (const [oldest] of [...opened].slice(0, Math.max(0, opened.size - mostOpened + 1))) opened.delete(oldest)
  const base =
    name.shape === 'demo' ? demo : randomPack({ ...shapes[name.shape], seed: name.seed, quantisation: 'f32' })
  const weights = requantise(base, name.quantisation)
  opened.set(key, weights)
  return weights
}
