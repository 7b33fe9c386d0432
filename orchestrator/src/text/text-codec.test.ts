import { describe, expect, it } from 'vitest'
import { readGolden, tinyCodec } from '../../testing/tiny-codec.ts'
import { compileChatTemplate } from './chat-template.ts'
import { byteStyleOf, pieceBytes } from './token-bytes.ts'

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

describe.each(['qwen3', 'llama'] as const)('the codec of a tiny %s', model => {
  const codec = tinyCodec(model)
  const golden = readGolden(model)

  it('encodes as the reference does', () => {
    const withoutStart = golden.texts.map(({ text }) => codec.encode(text))
    expect(withoutStart).toEqual(golden.texts.map(({ tokens }) => tokens))
  })

  it('renders and encodes a conversation as the reference does', () => {
    expect(codec.encodeChat(golden.chat.messages)).toEqual(golden.chat.tokens)
  })

  it('gives each token its bytes', () => {
    for (const { text, tokens } of golden.texts) {
      expect(textOf(Buffer.concat(tokens.map(token => codec.bytesOf(token))))).toBe(text)
    }
  })
})

describe('a codec', () => {
  it('tells marks from text', () => {
    const codec = tinyCodec()
    expect([285, 286, 50].map(codec.isSpecial)).toEqual([true, true, false])
    expect(textOf(codec.bytesOf(286))).toBe('<|im_end|>')
  })

  it('sends a base model to /v1/completions', () => {
    const codec = tinyCodec('qwen3', { chatTemplate: null })
    expect(() => codec.encodeChat([{ role: 'user', content: 'Hi' }])).toThrow(
      expect.objectContaining({ code: 'input_unsupported', remedy: 'Send the text to /v1/completions.' }),
    )
  })

  it('refuses a text that cannot fit before it tokenises it', () => {
    const refusal = expect.objectContaining({
      code: 'input_context_too_long',
      context: { param: 'prompt', contextTokens: 10 },
    })
    expect(() => tinyCodec().encode('x'.repeat(321), 10)).toThrow(refusal)
    expect(tinyCodec().encode('x'.repeat(320), 10)).toHaveLength(320)
  })

  it('gives the template the switches of the caller', () => {
    const codec = tinyCodec('qwen3', { chatTemplate: '{% if enable_thinking %}yes{% else %}no{% endif %}' })
    expect(codec.encodeChat([], { switches: { enable_thinking: true } })).toEqual(codec.encode('yes'))
  })

  it('reads SentencePiece bytes and spaces', () => {
    const decoder = { type: 'Sequence', decoders: [{ type: 'Replace' }, { type: 'ByteFallback' }, { type: 'Fuse' }] }
    expect(byteStyleOf(decoder)).toBe('sentencepiece')
    const pieces = ['▁Hello', '<0xC3>', '<0xA9>', '▁']
    expect(textOf(Buffer.concat(pieces.map(piece => pieceBytes(piece, 'sentencepiece'))))).toBe(' Helloé ')
  })
})

describe('a chat template', () => {
  const tokens = { bosToken: '<s>', eosToken: '</s>' }

  it('refuses in its own words, as an error of the messages', () => {
    const template = compileChatTemplate("{{ raise_exception('roles must alternate') }}", tokens)
    expect(() => template.render([{ role: 'user', content: 'x' }])).toThrow(
      expect.objectContaining({
        code: 'input_invalid',
        context: { param: 'messages' },
        message: expect.stringContaining('roles must alternate'),
      }),
    )
  })

  it('is stopped when it runs too long', () => {
    const endless =
      '{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}'
    const template = compileChatTemplate(endless, tokens, 20)
    expect(() => template.render([])).toThrow(expect.objectContaining({ code: 'input_invalid' }))
  })

  it('is refused when it does not parse', () => {
    expect(() => compileChatTemplate('{% for %}', tokens)).toThrow(
      expect.objectContaining({ code: 'artifact_invalid' }),
    )
  })
})
