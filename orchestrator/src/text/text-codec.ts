/**
 * Text to tokens and back, from the pack's own tokenizer files. It knows no HTTP and no sampling; the streaming side is
 * `detokenise.ts`.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import type { Manifest } from '@computepool/shared/model'
import { Tokenizer } from '@huggingface/tokenizers'
import { type ChatMessage, compileChatTemplate, type TemplateSwitches } from './chat-template.ts'
import { byteStyleOf, pieceBytes } from './token-bytes.ts'

export interface TextCodec {
  /**
   * Tokens of plain text; with the model's own start token where it asks for one. Errors: `input_context_too_long` where the text
   * cannot become `mostTokens` or fewer.
   */
  encode(text: string, mostTokens?: number): number[]
  /** Tokens of a conversation, through the model's template. Errors: as `encode`, and `input_unsupported` for a base model. */
  encodeChat(messages: readonly ChatMessage[], options?: EncodeChatOptions): number[]
  /** Bytes of one token; of a special token, its name's. */
  bytesOf(token: number): Uint8Array
  /** True for tokens that are marks of the model, not text. */
  isSpecial(token: number): boolean
  /** True where an answer's first space belongs to the tokenizer, not to the text (SentencePiece). */
  readonly stripsFirstSpace: boolean
  readonly vocab: number
  readonly stopTokens: readonly number[]
}

export interface EncodeChatOptions {
  readonly switches?: TemplateSwitches
  readonly mostTokens?: number
}

/** No text has so many characters to a token on average; a longer one is refused before seconds are spent on its tokens. */
const mostCharsPerToken = 32

export interface TextCodecFiles {
  /** tokenizer.json, parsed. */
  readonly tokenizer: unknown
  /** tokenizer_config.json, parsed. */
  readonly config: unknown
  readonly manifest: Manifest
}

/** A codec of the pack's tokenizer. Errors: `artifact_invalid`. */
export function createTextCodec({ tokenizer: source, config, manifest }: TextCodecFiles): TextCodec {
  const tokenizer = open(source, config)
  const { chatTemplate, bosToken, eosToken, stopTokens } = manifest.tokenizer
  const style = byteStyleOf((source as { decoder?: unknown }).decoder)
  const added = tokenizer.get_added_tokens_decoder()
  const template = chatTemplate === null ? null : compileChatTemplate(chatTemplate, { bosToken, eosToken })
  const cache = new Map<number, Uint8Array>()
  const encode = (text: string, withStart: boolean): number[] =>
    tokenizer.encode(text, { add_special_tokens: withStart }).ids
  return {
    encode: (text, mostTokens = Number.POSITIVE_INFINITY) => {
      requireLength(text, mostTokens, 'prompt')
      return encode(text, true)
    },
    encodeChat: (messages, { switches = {}, mostTokens = Number.POSITIVE_INFINITY } = {}) => {
      if (template === null) {
        throw new ComputePoolError(
          'input_unsupported',
          `"${manifest.model}" is a base model without a chat template.`,
          {
            remedy: 'Send the text to /v1/completions.',
            context: { param: 'messages' },
          },
        )
      }
      // The template writes the start token itself.
      const text = template.render(messages, switches)
      requireLength(text, mostTokens, 'messages')
      return encode(text, false)
    },
    bytesOf: token => {
      const known = cache.get(token)
      if (known !== undefined) return known
      const mark = added.get(token)
      const piece = mark?.content ?? tokenizer.id_to_token(token) ?? ''
      const bytes = pieceBytes(piece, mark === undefined ? style : 'plain')
      cache.set(token, bytes)
      return bytes
    },
    isSpecial: token => added.get(token)?.special === true || stopTokens.includes(token),
    stripsFirstSpace: style === 'sentencepiece',
    vocab: manifest.dimensions.vocab,
    stopTokens,
  }
}

function requireLength(text: string, mostTokens: number, param: string): void {
  if (text.length <= mostTokens * mostCharsPerToken) return
  const message = `The text has ${text.length} characters, more than ${mostCharsPerToken} for each of the context's ${mostTokens} tokens.`
  throw new ComputePoolError('input_context_too_long', message, {
    remedy: `Shorten the ${param}.`,
    context: { param, contextTokens: mostTokens },
  })
}

function open(source: unknown, config: unknown): Tokenizer {
  try {
    return new Tokenizer(source as object, config as object)
  } catch (cause) {
    throw new ComputePoolError('artifact_invalid', "The pack's tokenizer could not be read.", {
      remedy: 'Pack the model again; its tokenizer.json must be one that Hugging Face tokenizers wrote.',
      cause,
    })
  }
}
