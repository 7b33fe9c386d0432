import { Tokenizer } from '@huggingface/tokenizers'
import { describe, expect, it } from 'vitest'
import { byteAlphabet } from './byte-alphabet.ts'
import type { GgufValue } from './gguf-header.ts'
import { type RebuiltTokenizer, tokenizerFromGguf } from './gguf-tokenizer.ts'

const alphabet = byteAlphabet()
const merges = ['1 2', '12 3', 'Ġ a', 'Ġa b']
const tokens = [...alphabet, '12', '123', 'Ġa', 'Ġab', '<|begin_of_text|>', '<|eot_id|>', '<tool>']
const types = tokens.map(token => (token.startsWith('<|') ? 3 : token === '<tool>' ? 4 : 1))
const id = (token: string) => tokens.indexOf(token)

function metadata(changes: Record<string, GgufValue | undefined>): Map<string, GgufValue> {
  const all: Record<string, GgufValue | undefined> = {
    model: 'gpt2',
    pre: 'gpt-2',
    tokens,
    merges,
    token_type: types,
    ...changes,
  }
  const entries = Object.entries(all).filter(([, value]) => value !== undefined) as [string, GgufValue][]
  return new Map(entries.map(([key, value]) => [key.includes('.') ? key : `tokenizer.ggml.${key}`, value]))
}
const rebuild = (changes: Record<string, GgufValue | undefined> = {}) => tokenizerFromGguf(metadata(changes), 300)!
const encoder = ({ tokenizer, config }: RebuiltTokenizer) => new Tokenizer(tokenizer, config)
const ids = (rebuilt: RebuiltTokenizer, text: string) =>
  encoder(rebuilt).encode(text, { add_special_tokens: false }).ids

describe('a rebuilt byte-level tokenizer', () => {
  it('splits digits as its pre-tokenizer does', () => {
    const text = ' ab 1234'
    const space = id('Ġ')
    const [one, two, three, four] = ['1', '2', '3', '4'].map(id)
    expect(ids(rebuild({ pre: 'gpt-2' }), text)).toEqual([id('Ġab'), space, id('123'), four])
    expect(ids(rebuild({ pre: 'llama-bpe' }), text)).toEqual([id('Ġab'), space, id('123'), four])
    expect(ids(rebuild({ pre: 'qwen2' }), text)).toEqual([id('Ġab'), space, one, two, three, four])
    expect(ids(rebuild({ pre: 'smollm' }), text)).toEqual([id('Ġab'), space, one, two, three, four])
  })

  it('composes letters for qwen2 only', () => {
    const decomposed = 'e\u0301'
    expect(ids(rebuild({ pre: 'qwen2' }), decomposed)).toHaveLength(2)
    expect(ids(rebuild({ pre: 'llama-bpe' }), decomposed)).toHaveLength(3)
  })

  it('keeps control and user tokens whole, and drops only control tokens from text', () => {
    const rebuilt = rebuild()
    const found = ids(rebuilt, '<|eot_id|><tool>12')
    expect(found).toEqual([id('<|eot_id|>'), id('<tool>'), id('12')])
    expect(encoder(rebuilt).decode(found, { skip_special_tokens: true })).toBe('<tool>12')
  })

  it('begins with the begin token where the file, or Llama 3, says so', () => {
    const bos = { bos_token_id: id('<|begin_of_text|>') }
    const first = (rebuilt: RebuiltTokenizer) => encoder(rebuilt).encode('1').ids[0]
    expect(first(rebuild({ ...bos, pre: 'llama-bpe' }))).toBe(id('<|begin_of_text|>'))
    expect(first(rebuild({ ...bos, pre: 'llama-bpe', add_bos_token: false }))).toBe(id('1'))
    expect(first(rebuild({ ...bos, pre: 'qwen2' }))).toBe(id('1'))
    expect(first(rebuild({ ...bos, pre: 'qwen2', add_bos_token: true }))).toBe(id('<|begin_of_text|>'))
  })

  it('stops at the end of text and at the end of a turn', () => {
    expect(rebuild({ eos_token_id: id('12') }).stopTokens).toEqual([id('12'), id('<|eot_id|>')])
    expect(rebuild({ eos_token_id: 9999 })).toMatchObject({ stopTokens: [id('<|eot_id|>')], eosToken: null })
  })

  it('takes the chat template along', () => {
    expect(rebuild({ 'tokenizer.chat_template': '{{ messages }}' }).chatTemplate).toBe('{{ messages }}')
    expect(rebuild().chatTemplate).toBeNull()
  })
})

describe('a rebuilt SentencePiece tokenizer', () => {
  const pieces = [
    '<unk>',
    '<s>',
    '</s>',
    ...Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
  ]
  const words = ['▁', 'h', 'e', 'l', 'o', 'll', 'he', '▁he', 'llo', '▁hello']
  const all = [...pieces, ...words]
  const at = (token: string) => all.indexOf(token)
  const spm = {
    model: 'llama',
    pre: undefined,
    merges: undefined,
    tokens: all,
    scores: all.map((_, i) => (i < pieces.length ? 0 : -(i - pieces.length))),
    token_type: all.map((_, i) => (i === 0 ? 2 : i < 3 ? 3 : i < pieces.length ? 6 : 1)),
    bos_token_id: 1,
    eos_token_id: 2,
    unknown_token_id: 0,
  }

  it('joins pieces by score, falls back to bytes, and gives the text back', () => {
    const rebuilt = rebuild(spm)
    const tokenizer = encoder(rebuilt)
    expect(tokenizer.encode('hello hello').ids).toEqual([1, at('▁hello'), at('▁hello')])
    expect(tokenizer.encode('é', { add_special_tokens: false }).ids).toEqual([at('▁'), at('<0xC3>'), at('<0xA9>')])
    expect(tokenizer.decode([at('▁hello'), at('▁'), at('<0xC3>'), at('<0xA9>')])).toBe('hello é')
    expect(rebuilt.stopTokens).toEqual([2])
  })

  it('puts no space in front where the file says so', () => {
    const tokenizer = encoder(rebuild({ ...spm, add_space_prefix: false }))
    expect(tokenizer.encode('hello', { add_special_tokens: false }).ids).toEqual([at('he'), at('llo')])
  })

  it('is refused without scores', () => {
    expect(() => rebuild({ ...spm, scores: undefined })).toThrowError(
      expect.objectContaining({ code: 'artifact_type_unsupported', message: expect.stringContaining('score') }),
    )
  })
})

describe('a tokenizer is refused', () => {
  it.each<[string, string, Record<string, GgufValue | undefined>, RegExp]>([
    ['of another kind', 'artifact_type_unsupported', { model: 'bert' }, /"bert"/],
    ['with another pre-tokenizer', 'artifact_type_unsupported', { pre: 'deepseek-llm' }, /"deepseek-llm"/],
    ['without tokens', 'artifact_invalid', { tokens: undefined }, /tokens" is missing/],
    ['without merges', 'artifact_invalid', { merges: undefined }, /merges" is missing/],
    ['with a merge that is no pair', 'artifact_invalid', { merges: ['ab'] }, /"ab", which is no pair/],
    ['with numbers for tokens', 'artifact_invalid', { tokens: [1, 2] }, /not a list of strings/],
    [
      'with more tokens than embeddings',
      'artifact_invalid',
      { tokens: new Array(301).fill('x') },
      /301 entries for 300/,
    ],
  ])('%s', (_, code, changes, message) => {
    expect(() => rebuild(changes)).toThrowError(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    )
  })

  it('but absent is no fault', () => {
    expect(tokenizerFromGguf(new Map(), 300)).toBeNull()
  })
})
