/**
 * Golden activations of a pack for the join-time self-test: what leaves each layer for a few fixed tokens, computed by the native
 * engine one layer at a time, so that a model of any size needs the memory of its largest layer. It writes no files.
 */
import { activationValues, openEmbedding } from '@computepool/shared/engine'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Manifest } from '@computepool/shared/model'
import { greedy } from '@computepool/shared/pipeline'
import type { Activation, Engine, PartSource } from '@computepool/shared/ports'
import { philox2x32 } from '@computepool/shared/sampler'
import { openNativeEngine } from './open-native-engine.ts'

export interface ComputeGoldensInput {
  readonly manifest: Manifest
  readonly parts: PartSource
  /** A text's tokens; 64 pseudo-random ones where there is no text. Longer than 32, so that every kernel in use is met. */
  readonly tokens?: readonly number[]
  readonly onProgress?: (layersDone: number, layers: number) => void
}

export interface Goldens {
  readonly tokens: readonly number[]
  /** `layers + 1` boundaries, [tokens, hidden] each: what enters layer n, and last what leaves the last layer. */
  readonly boundaries: readonly Float32Array[]
  /** The greedy token after each position. */
  readonly argmax: readonly number[]
  readonly source: string
}

const requestId = 'golden'
const defaultLength = 64

/** Tokens in the vocabulary that are the same for the same pack shape. */
export function goldenTokens(manifest: Manifest, length = defaultLength): number[] {
  const { vocab, context } = manifest.dimensions
  return Array.from({ length: Math.min(length, context) }, (_, i) => philox2x32([i, 0], 2026)[0] % vocab)
}

/** Errors: what the part source and the native engine throw, `input_invalid` for tokens that the model lacks. */
export async function computeGoldens(input: ComputeGoldensInput): Promise<Goldens> {
  const { manifest, parts } = input
  const { layers, vocab, context } = manifest.dimensions
  const tokens = input.tokens ?? goldenTokens(manifest)
  if (tokens.length === 0 || tokens.length > context || tokens.some(token => token < 0 || token >= vocab))
    throw new ComputePoolError('input_invalid', `Goldens need 1 to ${context} tokens below ${vocab}.`, {
      remedy: 'Pass other tokens.',
    })
  const boundaries: Float32Array[] = []
  const keep = (activation: Activation) => boundaries.push(activationValues(activation))
  const embedding = await openEmbedding(manifest, parts, 'f32')
  let current = await embedding.rows(tokens)
  await embedding.close()
  keep(current)

  // An exit gives out tokens alone; as the middle of a model one layer deeper, the last layer gives out its boundary.
  const deeper: Manifest = { ...manifest, dimensions: { ...manifest.dimensions, layers: layers + 1 } }
  const open = (layer: number, of: Manifest) =>
    openNativeEngine({
      manifest: of,
      parts,
      layers: { start: layer, end: layer + 1 },
      kvBudgetBytes: Number.MAX_SAFE_INTEGER,
      maxContext: tokens.length,
    })
  for (let layer = 0; layer < layers; layer++) {
    const isLast = layer === layers - 1
    const input_ = current
    current = await withEngine(open(layer, deeper), engine => boundaryOf(engine, { activation: input_, tokens, layer }))
    keep(current)
    if (isLast) {
      const argmax = await withEngine(open(layer, manifest), engine =>
        argmaxOf(engine, { activation: input_, tokens, layer }),
      )
      input.onProgress?.(layers, layers)
      return { tokens, boundaries, argmax, source: 'onnxruntime-node f32' }
    }
    input.onProgress?.(layer + 1, layers)
  }
  throw new ComputePoolError('bug_unreachable_state', `A model of ${layers} layers has no last one.`)
}

interface LayerInput {
  readonly activation: Activation
  readonly tokens: readonly number[]
  readonly layer: number
}

async function withEngine<T>(opening: Promise<Engine>, use: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = await opening
  try {
    return await use(engine)
  } finally {
    await engine.close()
  }
}

/** The engine's input for positions `[start, end)`. */
function rows({ activation, tokens, layer }: LayerInput, start: number, end: number) {
  const rowBytes = activation.hidden * 4
  if (layer === 0) return { tokens: tokens.slice(start, end) }
  const data = activation.data.subarray(start * rowBytes, end * rowBytes)
  return { activation: { ...activation, tokens: end - start, data } }
}

/** One position at a time: the plainest path through every kernel, and the one that defines what the others must give. */
async function boundaryOf(engine: Engine, input: LayerInput): Promise<Activation> {
  const { hidden } = input.activation
  const data = new Uint8Array(input.tokens.length * hidden * 4)
  for (let position = 0; position < input.tokens.length; position++) {
    const [output] = await engine.run([
      { requestId, position, input: rows(input, position, position + 1), sample: null },
    ])
    if (output?.kind === 'activation') data.set(output.activation.data, position * hidden * 4)
  }
  return { dtype: 'f32', tokens: input.tokens.length, hidden, data }
}

async function argmaxOf(engine: Engine, input: LayerInput): Promise<number[]> {
  const argmax: number[] = []
  const sample = { params: greedy, generated: [], prompt: [] }
  for (let position = 0; position < input.tokens.length; position++) {
    const [output] = await engine.run([{ requestId, position, input: rows(input, position, position + 1), sample }])
    if (output?.kind === 'token') argmax.push(output.sampled.token)
  }
  return argmax
}
