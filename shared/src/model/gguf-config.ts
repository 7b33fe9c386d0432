/** Reads a GGUF file's metadata into our own description of a model, refusing by name what is not built. It knows no tokenizer. */
import { ComputePoolError } from '../errors/index.ts'
import type { GgufHeader, GgufValue } from './gguf-header.ts'
import type { Manifest } from './manifest.ts'
import { unsupportedModel } from './model-config.ts'
import type { ModelShape } from './pack-layout.ts'

const architectures: readonly string[] = ['llama', 'qwen2', 'qwen3'] satisfies Manifest['architecture'][]

/** `metadata[key]` as a number; null where it is absent. Errors: `artifact_invalid` where it is something else. */
export function ggufNumber(metadata: ReadonlyMap<string, GgufValue>, key: string): number | null {
  const value = metadata.get(key)
  if (value === undefined) return null
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (typeof value === 'bigint' && value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= 0n) return Number(value)
  throw new ComputePoolError('artifact_invalid', `GGUF metadata "${key}" is not a usable number.`, {
    context: { param: key },
  })
}

/** `metadata[key]` as text; null where it is absent or something else. */
export function ggufText(metadata: ReadonlyMap<string, GgufValue>, key: string): string | null {
  const value = metadata.get(key)
  return typeof value === 'string' ? value : null
}

/**
 * The shape of the model in a GGUF file. `ropeFactors` are the values of `rope_freqs.weight`, or null where there is no such tensor.
 * Errors: `artifact_type_unsupported` naming what is not built, `artifact_invalid` naming a key.
 */
export function shapeFromGguf(header: GgufHeader, ropeFactors: Float32Array | null): ModelShape {
  const { metadata, tensors } = header
  const architecture = ggufText(metadata, 'general.architecture')
  if (architecture === null || !architectures.includes(architecture))
    throw unsupportedModel(`its architecture is ${architecture?.slice(0, 60) ?? 'not stated'}`)
  const optional = (key: string) => ggufNumber(metadata, `${architecture}.${key}`)
  const required = (key: string) => {
    const value = optional(key)
    if (value !== null && value > 0) return value
    throw new ComputePoolError(
      'artifact_invalid',
      `GGUF metadata "${architecture}.${key}" is missing or not positive.`,
      { context: { param: key } },
    )
  }
  if (optional('expert_count')) throw unsupportedModel(`it is a mixture of ${optional('expert_count')} experts`)
  if (optional('attention.sliding_window')) throw unsupportedModel('it uses a sliding window')
  const heads = required('attention.head_count')
  const hidden = required('embedding_length')
  const headDim = optional('attention.key_length') ?? hidden / heads
  if ((optional('attention.value_length') ?? headDim) !== headDim)
    throw unsupportedModel('its keys and values have different sizes')
  if ((optional('rope.dimension_count') ?? headDim) !== headDim)
    throw unsupportedModel('its rotary positions cover only a part of each head')
  const theta = optional('rope.freq_base') ?? 10_000
  const embedding = tensors.get('token_embd.weight')
  if (!embedding) throw new ComputePoolError('artifact_invalid', 'The GGUF file has no tensor "token_embd.weight".')
  return {
    architecture: architecture as Manifest['architecture'],
    dimensions: {
      layers: required('block_count'),
      hidden,
      heads,
      kvHeads: optional('attention.head_count_kv') ?? heads,
      headDim,
      intermediate: required('feed_forward_length'),
      vocab: embedding.shape[0]!,
      context: required('context_length'),
    },
    // Stored as f32, so 1e-6 comes as 9.99999997e-7: give the number that was meant.
    normEpsilon: Number(required('attention.layer_norm_rms_epsilon').toPrecision(6)),
    attentionBias: architecture === 'qwen2',
    qkNorm: architecture === 'qwen3',
    rope: { theta, scaling: ropeScaling(header, architecture, theta, headDim, ropeFactors) },
    tiedEmbeddings: !tensors.has('output.weight'),
  }
}

function ropeScaling(
  header: GgufHeader,
  architecture: string,
  theta: number,
  headDim: number,
  factors: Float32Array | null,
): ModelShape['rope']['scaling'] {
  const type = ggufText(header.metadata, `${architecture}.rope.scaling.type`)
  if (type !== null && type !== 'none') throw unsupportedModel(`its rotary scaling is of type ${type.slice(0, 60)}`)
  const linear = ggufNumber(header.metadata, `${architecture}.rope.scale_linear`)
  if (linear !== null && linear !== 1) throw unsupportedModel('its rotary scaling is of type linear')
  return factors === null ? null : llama3Scaling(theta, headDim, factors)
}

/** What llama3 scaling divides the frequency of each pair of a head by. Source: Llama 3.1's reference code. */
export function llama3Factors(
  theta: number,
  headDim: number,
  scaling: NonNullable<ModelShape['rope']['scaling']>,
): number[] {
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContext } = scaling
  return Array.from({ length: headDim / 2 }, (_, pair) => {
    const wavelength = 2 * Math.PI * theta ** ((2 * pair) / headDim)
    if (wavelength < originalContext / high) return 1
    if (wavelength > originalContext / low) return factor
    const smooth = (originalContext / wavelength - low) / (high - low)
    return 1 / ((1 - smooth) / factor + smooth)
  })
}

/**
 * GGUF keeps only the finished factors of llama3 scaling. Every published model has low 1 and high 4; with these the original context follows from
 * any factor between the ends. Whatever cannot be rebuilt to a relative 1e-4 is refused.
 */
function llama3Scaling(
  theta: number,
  headDim: number,
  factors: Float32Array,
): NonNullable<ModelShape['rope']['scaling']> {
  if (factors.length !== headDim / 2)
    throw unsupportedModel(`"rope_freqs.weight" has ${factors.length} values where ${headDim / 2} belong`)
  const factor = Number(factors.reduce((most, value) => Math.max(most, value), 0).toPrecision(6))
  const contexts = [8192]
  factors.forEach((value, pair) => {
    if (value <= 1.0001 || value >= factor * 0.9999) return
    const smooth = (1 / value - 1 / factor) / (1 - 1 / factor)
    contexts.push(Math.round(2 * Math.PI * theta ** ((2 * pair) / headDim) * (3 * smooth + 1)))
  })
  for (const originalContext of contexts) {
    const scaling = { type: 'llama3', factor, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext } as const
    const rebuilt = llama3Factors(theta, headDim, scaling)
    if (rebuilt.every((value, pair) => Math.abs(value - factors[pair]!) <= 1e-4 * value)) return scaling
  }
  throw unsupportedModel('its rotary scaling (rope_freqs.weight) is not of type llama3')
}
