/** One streamed answer as its reader gets it: when each piece came, and how it ended. It knows nothing of what the pool is made of. */
import { readEvents } from './read-events.ts'

export interface StreamedAnswer {
  /** `performance.now()` when the request left, and when each piece of text came. */
  readonly askedMs: number
  readonly arrivalsMs: readonly number[]
  readonly text: string
  /** Null where the stream ended with an error. */
  readonly completionTokens: number | null
  readonly cachedTokens: number
  /** Code of the typed error that ended it; null where it ended well. */
  readonly errorCode: string | null
}

interface Chunk {
  readonly choices?: readonly { readonly text?: string; readonly delta?: { readonly content?: string } }[]
  readonly usage?: {
    readonly completion_tokens: number
    readonly prompt_tokens_details?: { readonly cached_tokens?: number }
  } | null
  readonly error?: { readonly code: string }
}

export interface StreamOrder {
  readonly url: string
  /** `/v1/completions` or `/v1/chat/completions`. */
  readonly path: string
  readonly body: object
  /** Called as each piece comes, with how many have come. */
  readonly onPiece?: (pieces: number) => void
  /** The reader hangs up: what has come until then is the answer. */
  readonly signal?: AbortSignal
}

/** The pool said no before the first byte. */
export class PoolRefusal extends Error {
  readonly status: number

  constructor(status: number, body: string) {
    super(`The pool refused: ${status} ${body}`)
    this.status = status
  }
}

/** Greedy, without guesses. Throws a PoolRefusal where the pool refuses before the first byte. */
export async function streamAnswer({
  url,
  path,
  body,
  onPiece = () => {},
  signal,
}: StreamOrder): Promise<StreamedAnswer> {
  const askedMs = performance.now()
  const response = await fetch(new URL(path, url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    ...(signal === undefined ? {} : { signal }),
    body: JSON.stringify({
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
      // Random weights repeat themselves: guesses would time the text, not the ring.
      computepool: { speculate: false },
      ...body,
    }),
  })
  if (!response.ok) throw new PoolRefusal(response.status, await response.text())
  const arrivalsMs: number[] = []
  let text = ''
  let completionTokens: number | null = null
  let cachedTokens = 0
  let errorCode: string | null = null
  const hear = ({ choices, usage, error }: Chunk): void => {
    const piece = choices?.[0]?.text ?? choices?.[0]?.delta?.content ?? ''
    if (piece !== '') {
      text += piece
      arrivalsMs.push(performance.now())
      onPiece(arrivalsMs.length)
    }
    if (usage) {
      completionTokens = usage.completion_tokens
      cachedTokens = usage.prompt_tokens_details?.cached_tokens ?? 0
    }
    if (error) errorCode = error.code
  }
  try {
    for await (const data of readEvents(response.body!)) {
      if (data !== '[DONE]') hear(JSON.parse(data) as Chunk)
      // Where the whole body is here already, Node 20 neither ends nor fails an aborted reading.
      if (signal?.aborted === true) break
    }
  } catch (thrown) {
    if (signal?.aborted !== true) throw thrown
  }
  return { askedMs, arrivalsMs, text, completionTokens, cachedTokens, errorCode }
}

/** From each piece to the next. */
export const gapsMs = (arrivalsMs: readonly number[]): number[] =>
  arrivalsMs.slice(1).map((arrival, index) => arrival - arrivalsMs[index]!)
