import { describe, expect, it } from 'vitest'
import { llama3Factors, shapeFromGguf } from './gguf-config.ts'
import type { GgufHeader, GgufTensor, GgufValue } from './gguf-header.ts'

const keys: Record<string, GgufValue> = {
  block_count: 16,
  context_length: 131_072,
  embedding_length: 2048,
  feed_forward_length: 8192,
  'attention.head_count': 32,
  'attention.head_count_kv': 8,
  'attention.layer_norm_rms_epsilon': Math.fround(1e-5),
  'rope.freq_base': 500_000,
  'rope.dimension_count': 64,
}
function header(changes: Record<string, GgufValue | undefined> = {}, architecture = 'llama'): GgufHeader {
  const metadata = new Map<string, GgufValue>([['general.architecture', architecture]])
  for (const [key, value] of Object.entries({ ...keys, ...changes })) {
    if (value !== undefined) metadata.set(`${architecture}.${key}`, value)
  }
  const tensors = new Map<string, GgufTensor>([
    ['token_embd.weight', { type: 'Q8_0', shape: [128_256, 2048], offset: 0 }],
  ])
  return { version: 3, metadata, tensors }
}

describe('shapeFromGguf', () => {
  it('reads what a Llama 3.2 file says', () => {
    expect(shapeFromGguf(header(), null)).toEqual({
      architecture: 'llama',
      dimensions: {
        layers: 16,
        hidden: 2048,
        heads: 32,
        kvHeads: 8,
        headDim: 64,
        intermediate: 8192,
        vocab: 128_256,
        context: 131_072,
      },
      normEpsilon: 1e-5,
      attentionBias: false,
      qkNorm: false,
      rope: { theta: 500_000, scaling: null },
      tiedEmbeddings: true,
    })
  })

  it.each([
    ['Llama 3.1', 128, 8],
    ['Llama 3.2', 64, 32],
  ])('rebuilds the rotary scaling of %s from its factors', (_, headDim, factor) => {
    const scaling = {
      type: 'llama3',
      factor,
      lowFrequencyFactor: 1,
      highFrequencyFactor: 4,
      originalContext: 8192,
    } as const
    const factors = Float32Array.from(llama3Factors(500_000, headDim, scaling))
    const found = shapeFromGguf(header({ 'rope.dimension_count': headDim, 'attention.key_length': headDim }), factors)
    expect(found.rope.scaling).toEqual(scaling)
  })

  it('refuses rotary factors that llama3 scaling does not give', () => {
    const factors = Float32Array.from({ length: 32 }, (_, i) => 1 + i / 3)
    expect(() => shapeFromGguf(header(), factors)).toThrowError(
      expect.objectContaining({ code: 'artifact_type_unsupported' }),
    )
    expect(() => shapeFromGguf(header(), new Float32Array(7))).toThrowError(/7 values where 32 belong/)
  })

  it.each<[string, Record<string, GgufValue>, string]>([
    ['gemma', {}, 'gemma'],
    ['mixture of 8 experts', { expert_count: 8 }, 'llama'],
    ['sliding window', { 'attention.sliding_window': 4096 }, 'llama'],
    ['yarn', { 'rope.scaling.type': 'yarn' }, 'llama'],
    ['a part of each head', { 'rope.dimension_count': 32 }, 'llama'],
    ['keys and values', { 'attention.value_length': 32 }, 'llama'],
  ])('refuses %s by name', (name, changes, architecture) => {
    expect(() => shapeFromGguf(header(changes, architecture), null)).toThrowError(
      expect.objectContaining({ code: 'artifact_type_unsupported', message: expect.stringContaining(name) }),
    )
  })

  it.each([
    ['block_count', undefined],
    ['embedding_length', 0],
    ['context_length', 'many'],
    ['feed_forward_length', 2n ** 60n],
  ] as const)('refuses a wrong %s', (key, value) => {
    expect(() => shapeFromGguf(header({ [key]: value }), null)).toThrowError(
      expect.objectContaining({ code: 'artifact_invalid', message: expect.stringContaining(key) }),
    )
  })
})
