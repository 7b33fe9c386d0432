/**
 * Reads a Hugging Face `config.json` into our own description of a model. Whatever would change the mathematics and is not built is
 * refused by its name: a model that runs wrongly is worse than one that does not run. It knows no weights.
 */
import { z } from 'zod'
import { ComputePoolError } from '../errors/index.ts'
import type { Manifest } from './manifest.ts'
import type { ModelShape } from './pack-layout.ts'

const size = z
  .int()
  .positive()
  .max(2 ** 31)
const ropeSchema = z.looseObject({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  rope_theta: z.number().positive().optional(),
  factor: z.number().positive().optional(),
  low_freq_factor: z.number().positive().optional(),
  high_freq_factor: z.number().positive().optional(),
  original_max_position_embeddings: size.optional(),
  partial_rotary_factor: z.number().nullish(),
})
const configSchema = z.looseObject({
  architectures: z.array(z.string()).nullish(),
  model_type: z.string().nullish(),
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  num_key_value_heads: size.nullish(),
  head_dim: size.nullish(),
  vocab_size: size,
  max_position_embeddings: size,
  rms_norm_eps: z.number().positive(),
  rope_theta: z.number().positive().nullish(),
  rope_scaling: ropeSchema.nullish(),
  rope_parameters: ropeSchema.nullish(),
  rope_interleaved: z.boolean().nullish(),
  partial_rotary_factor: z.number().nullish(),
  tie_word_embeddings: z.boolean().nullish(),
  attention_bias: z.boolean().nullish(),
  mlp_bias: z.boolean().nullish(),
  hidden_act: z.string().nullish(),
  use_sliding_window: z.boolean().nullish(),
  sliding_window: z.int().nullish(),
  layer_types: z.array(z.string()).nullish(),
  quantization_config: z.unknown().optional(),
})
type Config = z.infer<typeof configSchema>

const architectures: Record<string, Manifest['architecture']> = {
  LlamaForCausalLM: 'llama',
  Qwen2ForCausalLM: 'qwen2',
  Qwen3ForCausalLM: 'qwen3',
}

/** `artifact_type_unsupported` for a model that has `what`. */
export function unsupportedModel(what: string): ComputePoolError {
  return new ComputePoolError('artifact_type_unsupported', `This model cannot be packed: ${what}.`, {
    remedy:
      'Take a Llama, SmolLM2, Qwen2, Qwen2.5 or Qwen3 model in plain safetensors, or in GGUF of type F32, F16, BF16, Q8_0, Q4_0 or Q4_1.',
  })
}

/**
 * The shape of the model that `config` (parsed config.json) describes.
 * Errors: `artifact_type_unsupported` naming what is not built, `artifact_invalid` naming a field that is missing or wrong.
 */
export function shapeFromConfig(config: unknown): ModelShape {
  const architecture = architectureOf(config)
  const parsed = configSchema.safeParse(config)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    throw new ComputePoolError(
      'artifact_invalid',
      `config.json is wrong at "${issue.path.join('.')}": ${issue.message}.`,
      {
        context: { param: issue.path.join('.') },
      },
    )
  }
  const found = parsed.data
  refuseUnbuilt(found, architecture)
  const heads = found.num_attention_heads
  const headDim = found.head_dim ?? found.hidden_size / heads
  if (!Number.isInteger(headDim))
    throw new ComputePoolError(
      'artifact_invalid',
      `config.json: hidden_size ${found.hidden_size} does not divide by ${heads} heads.`,
    )
  return {
    architecture,
    dimensions: {
      layers: found.num_hidden_layers,
      hidden: found.hidden_size,
      heads,
      kvHeads: found.num_key_value_heads ?? heads,
      headDim,
      intermediate: found.intermediate_size,
      vocab: found.vocab_size,
      context: found.max_position_embeddings,
    },
    normEpsilon: found.rms_norm_eps,
    attentionBias: architecture === 'qwen2',
    qkNorm: architecture === 'qwen3',
    rope: ropeOf(found),
    // Absent means the class's default: false for all three architectures.
    tiedEmbeddings: found.tie_word_embeddings ?? false,
  }
}

function architectureOf(config: unknown): Manifest['architecture'] {
  const parsed = z
    .looseObject({ architectures: z.array(z.string().max(100)).nullish(), model_type: z.string().max(100).nullish() })
    .safeParse(config)
  const name = parsed.data?.architectures?.[0]
  const architecture = name === undefined ? undefined : architectures[name]
  if (architecture && Object.hasOwn(architectures, name!)) return architecture
  throw unsupportedModel(`its architecture is ${name ?? parsed.data?.model_type ?? 'not stated in config.json'}`)
}

function refuseUnbuilt(config: Config, architecture: string): void {
  if (config.quantization_config) {
    const method = (config.quantization_config as { quant_method?: unknown }).quant_method
    throw unsupportedModel(
      `its weights are quantised already (${typeof method === 'string' ? method : 'quantization_config'})`,
    )
  }
  if (config.hidden_act && config.hidden_act !== 'silu')
    throw unsupportedModel(`its activation is ${config.hidden_act}, not silu`)
  if (config.use_sliding_window) throw unsupportedModel('it uses a sliding window (use_sliding_window)')
  if (architecture === 'llama' && config.sliding_window)
    throw unsupportedModel('it uses a sliding window (sliding_window)')
  const layerType = config.layer_types?.find(type => type !== 'full_attention')
  if (layerType) throw unsupportedModel(`it has layers of type ${layerType}`)
  if (architecture !== 'qwen2' && config.attention_bias)
    throw unsupportedModel('its attention has biases (attention_bias)')
  if (config.mlp_bias) throw unsupportedModel('its MLP has biases (mlp_bias)')
  if (config.rope_interleaved) throw unsupportedModel('its rotary positions are interleaved (rope_interleaved)')
  const partial = config.rope_parameters?.partial_rotary_factor ?? config.partial_rotary_factor ?? 1
  if (partial !== 1)
    throw unsupportedModel(`its rotary positions cover only a part of each head (partial_rotary_factor ${partial})`)
}

function ropeOf(config: Config): ModelShape['rope'] {
  const parameters = config.rope_parameters ?? config.rope_scaling
  const theta = config.rope_parameters?.rope_theta ?? config.rope_theta ?? 10_000
  if (!parameters) return { theta, scaling: null }
  if ('full_attention' in parameters || 'sliding_attention' in parameters)
    throw unsupportedModel('its rotary positions differ by layer type')
  const type = parameters.rope_type ?? parameters.type ?? 'default'
  if (type === 'default') return { theta, scaling: null }
  if (type !== 'llama3') throw unsupportedModel(`its rotary scaling is of type ${type}`)
  const { factor, low_freq_factor, high_freq_factor, original_max_position_embeddings } = parameters
  if (!factor || !low_freq_factor || !high_freq_factor || !original_max_position_embeddings)
    throw new ComputePoolError(
      'artifact_invalid',
      'config.json: rope scaling of type llama3 lacks one of its four numbers.',
    )
  return {
    theta,
    scaling: {
      type: 'llama3',
      factor,
      lowFrequencyFactor: low_freq_factor,
      highFrequencyFactor: high_freq_factor,
      originalContext: original_max_position_embeddings,
    },
  }
}
