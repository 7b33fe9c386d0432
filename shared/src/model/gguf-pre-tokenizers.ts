/**
 * The pre-tokenizers that GGUF files name and that are known here, as `tokenizer.json` writes them. GGUF stores the name alone; the patterns are those
 * that each model family published.
 */

const byteLevel = (useRegex: boolean) => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
})
const splitBy = (regex: string) => ({
  type: 'Sequence',
  pretokenizers: [{ type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false }, byteLevel(false)],
})
/** The published patterns of Llama 3 and Qwen2 differ only in how many digits make a word. */
const wordPattern = (digits: string) =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`

/** How text is prepared and cut before merges, in the words of `tokenizer.json`. */
export interface PreTokenizer {
  readonly preTokenizer: object
  readonly normalizer: object | null
  readonly ignoreMerges: boolean
  /** Whether a begin token is put in front where the file does not say. */
  readonly addsBos: boolean
}
const gpt2: PreTokenizer = { preTokenizer: byteLevel(true), normalizer: null, ignoreMerges: false, addsBos: false }
const llama3: PreTokenizer = {
  preTokenizer: splitBy(wordPattern('\\p{N}{1,3}')),
  normalizer: null,
  ignoreMerges: true,
  addsBos: true,
}
const preTokenizers = new Map<string, PreTokenizer>([
  ['gpt-2', gpt2],
  ['gpt2', gpt2],
  ['default', gpt2],
  ['llama-bpe', llama3],
  ['llama3', llama3],
  ['llama-v3', llama3],
  [
    'qwen2',
    { preTokenizer: splitBy(wordPattern('\\p{N}')), normalizer: { type: 'NFC' }, ignoreMerges: false, addsBos: false },
  ],
  [
    'smollm',
    {
      preTokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, byteLevel(true)] },
      normalizer: null,
      ignoreMerges: false,
      addsBos: false,
    },
  ],
])

/** The pre-tokenizer of `tokenizer.ggml.pre`, or undefined for one that is not known. */
export function preTokenizerNamed(name: string): PreTokenizer | undefined {
  return preTokenizers.get(name)
}
