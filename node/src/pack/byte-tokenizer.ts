/** A tokenizer with one token a byte, for packs of random weights: enough for an API to serve them. It merges nothing. */
import { byteAlphabet } from '@computepool/shared/model'
import type { TokenizerFiles } from './tokenizer-files.ts'

const BOS = '<|begin|>'
const EOS = '<|end|>'
const CHAT_TEMPLATE =
  "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"

/**
 * Tokens 0..255 are bytes, the last two ids begin and end; those between decode to their number in angle brackets. A vocabulary
 * under 258 has no begin and end, and bytes past its end cannot be written.
 */
export function byteTokenizer(vocab: number): TokenizerFiles {
  const hasSpecials = vocab >= 258
  const tokens: Record<string, number> = {}
  byteAlphabet().forEach((character, byte) => {
    if (byte < vocab) tokens[character] = byte
  })
  for (let id = 256; id < (hasSpecials ? vocab - 2 : vocab); id++) tokens[`<${id}>`] = id
  const specials = hasSpecials ? [BOS, EOS].map((content, i) => ({ id: vocab - 2 + i, content })) : []
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specials.map(special => ({ ...special, ...flags })),
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      vocab: tokens,
      merges: [],
    },
  }
  const config = {
    add_bos_token: false,
    ...(hasSpecials ? { bos_token: BOS, eos_token: EOS } : {}),
    clean_up_tokenization_spaces: false,
    chat_template: CHAT_TEMPLATE,
    tokenizer_class: 'PreTrainedTokenizerFast',
  }
  const encode = (value: unknown) => new TextEncoder().encode(`${JSON.stringify(value)}\n`)
  return {
    tokenizerJson: encode(tokenizer),
    configJson: encode(config),
    chatTemplate: CHAT_TEMPLATE,
    bosToken: hasSpecials ? BOS : null,
    eosToken: hasSpecials ? EOS : null,
    stopTokens: hasSpecials ? [vocab - 1] : [],
  }
}
