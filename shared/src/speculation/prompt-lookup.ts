/**
 * Drafts without a model: what followed the longest earlier occurrence of the text's end (prompt lookup decoding, Saxena 2023). It
 * knows tokens, not whether a guess came true. A text is a value: appending gives a longer one and leaves the old one as it was.
 */

/** Fewer equal tokens than this are no occurrence. */
export const shortestMatch = 2
/** A match is not followed further back than this. */
export const longestMatch = 16
/** Earlier occurrences that one look-up compares: keeps a call at microseconds where the text repeats itself endlessly. */
const candidateLimit = 64

export interface Guess {
  /** Tokens before the end that occurred before, from `shortestMatch` to `longestMatch`. */
  readonly match: number
  /** Exactly as many as were asked for: past the text's end the copy goes on within itself. */
  readonly tokens: readonly number[]
}

export interface IndexedText {
  readonly length: number
  append(tokens: readonly number[]): IndexedText
  /** What may come next, by the longest match, of equals the latest; null where the end never occurred before. */
  guess(count: number): Guess | null
}

/** Hash chains over all pairs of tokens, as in LZ77: shared by a text and those that grew from it. */
interface Chains {
  size: number
  tokens: Int32Array
  /** Of the pair that ends at a place: the place before where a pair of its bucket ended, or -1. */
  earlier: Int32Array
  buckets: Int32Array
}

/** `tokens` with an index over it. */
export function indexText(tokens: readonly number[]): IndexedText {
  const chains = openChains(Math.max(1024, tokens.length * 2))
  for (const token of tokens) push(chains, token)
  return textOf(chains, tokens.length)
}

function textOf(chains: Chains, length: number): IndexedText {
  return {
    length,
    append(tokens) {
      // Whoever appends to a text that others grew from gets chains of its own.
      const own = chains.size === length ? chains : copyOf(chains, length)
      for (const token of tokens) push(own, token)
      return textOf(own, length + tokens.length)
    },
    guess(count) {
      const found = longestEarlier(chains, length)
      return found === null ? null : { match: found.match, tokens: copyFrom(chains, length, found.end + 1, count) }
    },
  }
}

function openChains(capacity: number): Chains {
  const bits = 32 - Math.clz32(capacity)
  return {
    size: 0,
    tokens: new Int32Array(capacity),
    earlier: new Int32Array(capacity),
    buckets: new Int32Array(2 ** bits).fill(-1),
  }
}

function copyOf(chains: Chains, length: number): Chains {
  const copy = openChains(chains.tokens.length)
  for (let place = 0; place < length; place++) push(copy, chains.tokens[place]!)
  return copy
}

function push(chains: Chains, token: number): void {
  if (chains.size === chains.tokens.length) {
    const larger = openChains(chains.size * 2)
    for (let place = 0; place < chains.size; place++) push(larger, chains.tokens[place]!)
    Object.assign(chains, larger)
  }
  const place = chains.size
  chains.tokens[place] = token
  chains.size += 1
  if (place === 0) return
  const bucket = bucketAt(chains, place)
  chains.earlier[place] = chains.buckets[bucket]!
  chains.buckets[bucket] = place
}

/** Bucket of the pair that ends at `place`. */
function bucketAt({ tokens, buckets }: Chains, place: number): number {
  const mixed = Math.imul(tokens[place - 1]!, 0x9e3779b1) ^ Math.imul(tokens[place]!, 0x85ebca77)
  return (mixed ^ (mixed >>> 15)) & (buckets.length - 1)
}

function longestEarlier(chains: Chains, length: number): { readonly end: number; readonly match: number } | null {
  if (length <= shortestMatch) return null
  const { tokens, earlier, buckets } = chains
  const last = length - 1
  let best: { end: number; match: number } | null = null
  let compared = 0
  for (let end = buckets[bucketAt(chains, last)]!; end > 0 && compared < candidateLimit; end = earlier[end]!) {
    // The end itself, and what longer texts of these chains appended.
    if (end >= last) continue
    compared += 1
    let match = 0
    while (match < longestMatch && match <= end && tokens[end - match] === tokens[last - match]) match += 1
    if (match >= shortestMatch && match > (best?.match ?? 0)) best = { end, match }
    if (match === longestMatch) break
  }
  return best
}

function copyFrom({ tokens }: Chains, length: number, start: number, count: number): number[] {
  const copy: number[] = []
  for (let place = start; copy.length < count; place++)
    copy.push(place < length ? tokens[place]! : copy[place - length]!)
  return copy
}
