import { describe, expect, it } from 'vitest'
import { shapeFromConfig } from './model-config.ts'

const llama = {
  architectures: ['LlamaForCausalLM'],
  hidden_act: 'silu',
  hidden_size: 2048,
  intermediate_size: 8192,
  num_hidden_layers: 16,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  vocab_size: 128_256,
  max_position_embeddings: 131_072,
  rms_norm_eps: 1e-5,
  rope_theta: 500_000,
  tie_word_embeddings: true,
}
const llama3 = {
  factor: 32,
  high_freq_factor: 4,
  low_freq_factor: 1,
  original_max_position_embeddings: 8192,
  rope_type: 'llama3',
}
const scaling = { type: 'llama3', factor: 32, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 8192 }

describe('shapeFromConfig', () => {
  it('reads llama3 rotary scaling in the older and the newer spelling', () => {
    const older = shapeFromConfig({ ...llama, rope_scaling: llama3 })
    const { rope_theta, ...rest } = llama
    const newer = shapeFromConfig({ ...rest, rope_parameters: { ...llama3, rope_theta } })
    expect(older).toEqual(newer)
    expect(older.rope).toEqual({ theta: 500_000, scaling })
    expect(older.dimensions).toEqual({
      layers: 16,
      hidden: 2048,
      heads: 32,
      kvHeads: 8,
      headDim: 64,
      intermediate: 8192,
      vocab: 128_256,
      context: 131_072,
    })
  })

  it('knows what each architecture has', () => {
    expect(shapeFromConfig({ ...llama, architectures: ['Qwen2ForCausalLM'] })).toMatchObject({
      architecture: 'qwen2',
      attentionBias: true,
      qkNorm: false,
    })
    expect(shapeFromConfig({ ...llama, architectures: ['Qwen3ForCausalLM'], head_dim: 128 })).toMatchObject({
      architecture: 'qwen3',
      attentionBias: false,
      qkNorm: true,
      dimensions: { headDim: 128 },
    })
    // Every head its own keys where the config is silent; untied where it is silent.
    const { num_key_value_heads: _, tie_word_embeddings: __, ...silent } = llama
    expect(shapeFromConfig(silent)).toMatchObject({ dimensions: { kvHeads: 32 }, tiedEmbeddings: false })
  })

  it('takes the harmless extras of SmolLM2 and Qwen2.5', () => {
    shapeFromConfig({
      ...llama,
      rope_interleaved: false,
      rope_scaling: null,
      is_llama_config: true,
      'transformers.js_config': {},
    })
    shapeFromConfig({
      ...llama,
      architectures: ['Qwen2ForCausalLM'],
      use_sliding_window: false,
      sliding_window: 32_768,
      max_window_layers: 28,
    })
  })

  it.each<[string, object]>([
    ['MistralForCausalLM', { architectures: ['MistralForCausalLM'] }],
    ['constructor', { architectures: ['constructor'] }],
    ['gpt2', { architectures: undefined, model_type: 'gpt2' }],
    ['gptq', { quantization_config: { quant_method: 'gptq' } }],
    ['gelu', { hidden_act: 'gelu' }],
    ['sliding_window', { sliding_window: 4096 }],
    ['use_sliding_window', { architectures: ['Qwen2ForCausalLM'], use_sliding_window: true }],
    ['sliding_attention', { layer_types: ['full_attention', 'sliding_attention'] }],
    ['attention_bias', { attention_bias: true }],
    ['mlp_bias', { mlp_bias: true }],
    ['rope_interleaved', { rope_interleaved: true }],
    ['yarn', { rope_scaling: { rope_type: 'yarn', factor: 4 } }],
    ['linear', { rope_scaling: { type: 'linear', factor: 2 } }],
    ['dynamic', { rope_parameters: { rope_type: 'dynamic', rope_theta: 10_000 } }],
    ['partial_rotary_factor', { partial_rotary_factor: 0.5 }],
    ['differ by layer type', { rope_parameters: { full_attention: { rope_type: 'default' } } }],
  ])('refuses %s by name', (name, change) => {
    expect(() => shapeFromConfig({ ...llama, ...change })).toThrowError(
      expect.objectContaining({ code: 'artifact_type_unsupported', message: expect.stringContaining(name) }),
    )
  })

  it.each<[string, object]>([
    ['hidden_size', { hidden_size: '2048' }],
    ['num_hidden_layers', { num_hidden_layers: -1 }],
    ['rms_norm_eps', { rms_norm_eps: undefined }],
    ['max_position_embeddings', { max_position_embeddings: 1e300 }],
  ])('refuses a wrong %s, naming it', (param, change) => {
    expect(() => shapeFromConfig({ ...llama, ...change })).toThrowError(
      expect.objectContaining({ code: 'artifact_invalid', context: { param } }),
    )
  })
})
