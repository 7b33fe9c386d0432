/**
 * Tokens to text as they come: bytes gather until they make whole characters, special tokens are left out, and text that may be
 * the beginning of a stop string is held back. It knows no HTTP and no request.
 */
import type { TextCodec } from './text-codec.ts'

export interface TextDelta {
  /** Text that is certain now; may be empty. */
  readonly text: string
  /** True where a stop string ended the answer; nothing is to follow. */
  readonly isStopped: boolean
}

export interface Detokeniser {
  push(token: number): TextDelta
  /** Characters so far, those held back included. */
  receivedChars(): number
  /** What was held back, at the end of the answer: a broken character becomes U+FFFD. */
  finish(): TextDelta
}

export interface DetokeniserOptions {
  readonly codec: Pick<TextCodec, 'bytesOf' | 'isSpecial'>
  readonly stopStrings: readonly string[]
  readonly stripFirstSpace: boolean
}

/** A detokeniser for one answer. */
export function createDetokeniser({ codec, stopStrings, stripFirstSpace }: DetokeniserOptions): Detokeniser {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let held = ''
  let isFirst = stripFirstSpace
  let isStopped = false
  let releasedChars = 0

  const release = (fresh: string, isEnd: boolean): TextDelta => {
    if (isStopped) return { text: '', isStopped }
    held += fresh
    if (isFirst && held !== '') {
      if (held.startsWith(' ')) held = held.slice(1)
      isFirst = false
    }
    const cut = firstStop(held, stopStrings)
    const openFrom = isEnd ? held.length : held.length - openSuffix(held, stopStrings)
    // One that began earlier may still become whole: which comes first must not hang on where tokens end.
    isStopped = cut >= 0 && cut <= openFrom
    const certain = isStopped ? cut : openFrom
    const text = held.slice(0, certain)
    held = held.slice(certain)
    releasedChars += text.length
    return { text, isStopped }
  }

  return {
    push: token => release(codec.isSpecial(token) ? '' : decoder.decode(codec.bytesOf(token), { stream: true }), false),
    receivedChars: () => releasedChars + held.length,
    finish: () => release(decoder.decode(), true),
  }
}

/** Where the first stop string in `text` begins, or -1. */
function firstStop(text: string, stopStrings: readonly string[]): number {
  const places = stopStrings.map(stop => text.indexOf(stop)).filter(place => place >= 0)
  return places.length === 0 ? -1 : Math.min(...places)
}

/** Length of the longest end of `text` that a stop string could begin with. */
function openSuffix(text: string, stopStrings: readonly string[]): number {
  let longest = 0
  for (const stop of stopStrings) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(stop.slice(0, length))) longest = length
    }
  }
  return longest
}
