/**
 * Rebuilds a `tokenizer.json` from a GGUF file's metadata. Only pre-tokenizers that are known here are rebuilt: splitting text another way than
 * in training gives a model that is quietly worse, so an unknown one is refused by name.
 */
import { ComputePoolError } from '../errors/index.ts'
import { ggufNumber, ggufText } from './gguf-config.ts'
import type { GgufValue } from './gguf-header.ts'
import { preTokenizerNamed } from './gguf-pre-tokenizers.ts'
import { mergesFromScores } from './merges-from-scores.ts'

/** A tokenizer as the files of a Hugging Face folder say it. */
export interface RebuiltTokenizer {
  /** `tokenizer.json` */
  readonly tokenizer: object
  /** `tokenizer_config.json` */
  readonly config: object
  readonly chatTemplate: string | null
  readonly bosToken: string | null
  readonly eosToken: string | null
  readonly stopTokens: readonly number[]
}

type Metadata = ReadonlyMap<string, GgufValue>

const CONTROL = 3
const USER_DEFINED = 4
/** Control tokens that end a turn in the chat formats of these models, whatever the file calls its end of text. */
const endOfTurn = new Set([
  '<|im_end|>',
  '<|eot_id|>',
  '<|eom_id|>',
  '<|end|>',
  '<|endoftext|>',
  '<|end_of_text|>',
  '</s>',
])

function unsupported(what: string): ComputePoolError {
  return new ComputePoolError('artifact_type_unsupported', `This GGUF file's tokenizer cannot be rebuilt: ${what}.`, {
    remedy: 'Give the folder of the original tokenizer.json with --tokenizer.',
  })
}

/**
 * The tokenizer in `metadata`, for a model of `vocab` embeddings. Null where the file brings none.
 * Errors: `artifact_type_unsupported` naming the tokenizer, `artifact_invalid`.
 */
export function tokenizerFromGguf(metadata: Metadata, vocab: number): RebuiltTokenizer | null {
  const model = ggufText(metadata, 'tokenizer.ggml.model')
  if (model === null || model === 'none' || model === 'no_vocab') return null
  if (model !== 'gpt2' && model !== 'llama') throw unsupported(`it is of kind "${model.slice(0, 60)}"`)
  const tokens = list(metadata, 'tokenizer.ggml.tokens', 'string')
  if (!tokens) throw invalid('tokenizer.ggml.tokens', 'is missing')
  if (tokens.length > vocab)
    throw invalid('tokenizer.ggml.tokens', `has ${tokens.length} entries for ${vocab} embeddings`)
  const types = list(metadata, 'tokenizer.ggml.token_type', 'number') ?? []
  const body = model === 'gpt2' ? byteLevelBpe(metadata, tokens) : sentencePieceBpe(metadata, tokens)

  const tokenAt = (key: string) => tokens[ggufNumber(metadata, `tokenizer.ggml.${key}_token_id`) ?? -1] ?? null
  const [bosToken, eosToken] = [tokenAt('bos'), tokenAt('eos')]
  const addBosSetting = metadata.get('tokenizer.ggml.add_bos_token')
  const addsBos = bosToken !== null && (typeof addBosSetting === 'boolean' ? addBosSetting : body.addsBos)
  const chatTemplate = ggufText(metadata, 'tokenizer.chat_template')
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: addedTokens(tokens, types),
      normalizer: body.normalizer,
      pre_tokenizer: body.preTokenizer,
      post_processor: addsBos ? beginWith(bosToken, tokens.indexOf(bosToken)) : null,
      decoder: body.decoder,
      model: body.model,
    },
    config: {
      add_bos_token: addsBos,
      bos_token: bosToken,
      eos_token: eosToken,
      clean_up_tokenization_spaces: false,
      ...(chatTemplate === null ? {} : { chat_template: chatTemplate }),
      tokenizer_class: 'PreTrainedTokenizerFast',
    },
    chatTemplate,
    bosToken,
    eosToken,
    stopTokens: stopTokens(metadata, tokens, types),
  }
}

interface Body {
  readonly normalizer: object | null
  readonly preTokenizer: object | null
  readonly decoder: object
  readonly model: object
  readonly addsBos: boolean
}

function bpe(tokens: readonly string[], merges: readonly (readonly [string, string])[], extra: object): object {
  const ids = new Map<string, number>()
  tokens.forEach((token, id) => {
    if (!ids.has(token)) ids.set(token, id)
  })
  const base = {
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
  }
  return { type: 'BPE', ...base, ...extra, vocab: Object.fromEntries(ids), merges }
}

function byteLevelBpe(metadata: Metadata, tokens: readonly string[]): Body {
  const pre = ggufText(metadata, 'tokenizer.ggml.pre') ?? 'default'
  const known = preTokenizerNamed(pre)
  if (!known) throw unsupported(`its pre-tokenizer is "${pre.slice(0, 60)}"`)
  const merges = list(metadata, 'tokenizer.ggml.merges', 'string')
  if (!merges) throw invalid('tokenizer.ggml.merges', 'is missing')
  const pairs = merges.map(merge => {
    // Byte-level pieces write a space as another character, so the one space is the seam.
    const seam = merge.indexOf(' ', 1)
    if (seam < 0) throw invalid('tokenizer.ggml.merges', `has "${merge.slice(0, 60)}", which is no pair`)
    return [merge.slice(0, seam), merge.slice(seam + 1)] as const
  })
  return {
    normalizer: known.normalizer,
    preTokenizer: known.preTokenizer,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: bpe(tokens, pairs, { ignore_merges: known.ignoreMerges }),
    addsBos: known.addsBos,
  }
}

function sentencePieceBpe(metadata: Metadata, tokens: readonly string[]): Body {
  const scores = list(metadata, 'tokenizer.ggml.scores', 'number')
  if (scores?.length !== tokens.length) throw unsupported('it is of kind "llama" without a score for each token')
  const replace = { type: 'Replace', pattern: { String: ' ' }, content: '▁' }
  const addsSpace = metadata.get('tokenizer.ggml.add_space_prefix') !== false
  const unknown = tokens[ggufNumber(metadata, 'tokenizer.ggml.unknown_token_id') ?? 0]!
  const strip = addsSpace ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []
  return {
    normalizer: { type: 'Sequence', normalizers: addsSpace ? [{ type: 'Prepend', prepend: '▁' }, replace] : [replace] },
    preTokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...strip,
      ],
    },
    model: bpe(tokens, mergesFromScores(tokens, scores), { unk_token: unknown, fuse_unk: true, byte_fallback: true }),
    addsBos: true,
  }
}

function addedTokens(tokens: readonly string[], types: readonly number[]): object[] {
  return tokens.flatMap((content, id) => {
    const type = types[id]
    if (type !== CONTROL && type !== USER_DEFINED) return []
    return [
      { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: type === CONTROL },
    ]
  })
}

function beginWith(token: string, id: number): object {
  const special = { SpecialToken: { id: token, type_id: 0 } }
  const sequence = (name: string, type: number) => ({ Sequence: { id: name, type_id: type } })
  return {
    type: 'TemplateProcessing',
    single: [special, sequence('A', 0)],
    pair: [special, sequence('A', 0), { SpecialToken: { id: token, type_id: 1 } }, sequence('B', 1)],
    special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
  }
}

function stopTokens(metadata: Metadata, tokens: readonly string[], types: readonly number[]): number[] {
  const stated = ['eos', 'eot', 'eom'].map(key => ggufNumber(metadata, `tokenizer.ggml.${key}_token_id`))
  const named = tokens.flatMap((token, id) => (types[id] === CONTROL && endOfTurn.has(token) ? [id] : []))
  const ids = [...stated, ...named].filter(id => id !== null && id < tokens.length) as number[]
  return [...new Set(ids)].sort((a, b) => a - b)
}

function list(metadata: Metadata, key: string, type: 'string'): readonly string[] | null
function list(metadata: Metadata, key: string, type: 'number'): readonly number[] | null
function list(metadata: Metadata, key: string, type: 'string' | 'number') {
  const value = metadata.get(key)
  if (value === undefined) return null
  if (!Array.isArray(value) || value.some(item => typeof item !== type)) throw invalid(key, `is not a list of ${type}s`)
  return value
}

function invalid(key: string, what: string): ComputePoolError {
  return new ComputePoolError('artifact_invalid', `GGUF metadata "${key}" ${what}.`, { context: { param: key } })
}
