/**
 * One answer as it grows: tokens become text, stop strings cut it, log-probabilities travel with the text that they explain. Both
 * endpoints, streaming or not, read it. It knows no HTTP.
 */
import { type LapParts, lapParts, type SampledToken } from '@computepool/shared/pipeline'
import type { HopTrace } from '@computepool/shared/wire'
import type { CutReason, LiveRequest } from '../dispatch/index.ts'
import type { RequestPayment } from '../payments/meter.ts'
import { createDetokeniser, type TextCodec } from '../text/index.ts'

export interface AnswerOptions {
  readonly live: LiveRequest
  readonly codec: TextCodec
  readonly promptTokens: number
  readonly stopStrings: readonly string[]
  /** True where the answer begins a text of its own, as in a chat. */
  readonly isFresh: boolean
  /** What it has cost by now; absent where work is free. */
  readonly payment?: () => RequestPayment
}

/** A stretch of text that is certain, and the tokens that end in it. */
export interface AnswerPart {
  readonly text: string
  readonly tokens: readonly SampledToken[]
}

export interface AnswerFacts {
  readonly finishReason: 'stop' | 'length'
  readonly usage: {
    readonly prompt_tokens: number
    readonly completion_tokens: number
    readonly total_tokens: number
    /** Of the prompt's tokens, those that needed no computing: an earlier answer's caches held them. */
    readonly prompt_tokens_details: { readonly cached_tokens: number }
  }
  readonly computepool: PoolFacts
}

/** How the pool did it: our one addition to OpenAI's bodies. */
export interface PoolFacts {
  /** Who serves it, or did last. */
  readonly route: ReadonlyArray<{ peer: string; layers: [number, number]; engine: string }>
  /** How often another attempt took the answer over, on another ring or the same; the text is the same. */
  readonly moves: number
  readonly timeToFirstTokenMs: number
  /** Of the tokens after the first; null where there was only one. */
  readonly tokensPerSecond: number | null
  /** Frames that went from tab to tab without a relay, as the entry counted them; null where a stop string ended the answer. */
  readonly directHops: number | null
  /** `cap`: the payer's cap was spent; `closed`: its session was closed meanwhile, by whomever; null where the model, the request's own limits or its reader ended it. */
  readonly stoppedBy: CutReason | null
  /** Where one token's time went, medians over the decode steps; null where only one token was drawn. */
  readonly lap: LapFacts | null
  /** Only where work is paid. */
  readonly payment?: RequestPayment
}

/** One lap of the ring, measured at the entry. */
export interface LapFacts extends LapParts {
  readonly lapMs: number
}

/** Yields the text as it becomes certain, returns the facts. Throws the request's ComputePoolError. */
export async function* streamAnswer(options: AnswerOptions): AsyncGenerator<AnswerPart, AnswerFacts> {
  const { live, codec, stopStrings, promptTokens } = options
  const stripFirstSpace = options.isFresh && codec.stripsFirstSpace
  const detokeniser = createDetokeniser({ codec, stopStrings, stripFirstSpace })
  let held: Array<{ sampled: SampledToken; startChar: number }> = []
  let emittedChars = 0
  let tokens = 0
  let firstAtMs = 0
  let lastAtMs = 0
  const laps: LapFacts[] = []
  let directHops: number | null = null
  let finishReason: 'stop' | 'length' = 'stop'
  let stoppedBy: CutReason | null = null

  const part = (text: string): AnswerPart => {
    emittedChars += text.length
    const certain = held.filter(({ startChar }) => startChar < emittedChars)
    held = held.slice(certain.length)
    return { text, tokens: certain.map(({ sampled }) => sampled) }
  }

  for await (const event of live.events) {
    if (event.type === 'finished') {
      finishReason = event.reason
      directHops = event.directHops
      stoppedBy = event.stoppedBy
      continue
    }
    if (tokens === 0) firstAtMs = event.atMs
    lastAtMs = event.atMs
    // The first token's lap is the prompt's, not a decode step.
    if (tokens > 0) laps.push(lapFacts(event.lapMs, event.trace))
    tokens++
    const { token } = event.sampled
    if (!codec.isSpecial(token)) held.push({ sampled: event.sampled, startChar: detokeniser.receivedChars() })
    const { text, isStopped } = detokeniser.push(token)
    if (text !== '') yield part(text)
    if (isStopped) {
      // The tabs know tokens, not text: they would go on to the end.
      live.cancel()
      return facts()
    }
  }
  const { text, isStopped } = detokeniser.finish()
  if (text !== '') yield part(text)
  if (isStopped) finishReason = 'stop'
  return facts()

  function facts(): AnswerFacts {
    const decodeMs = lastAtMs - firstAtMs
    return {
      finishReason,
      usage: {
        prompt_tokens: promptTokens,
        completion_tokens: tokens,
        total_tokens: promptTokens + tokens,
        prompt_tokens_details: { cached_tokens: live.cachedTokens() },
      },
      computepool: {
        route: live.seats().map(seat => ({
          peer: seat.peer,
          layers: [seat.layers.start, seat.layers.end],
          engine: seat.engine,
        })),
        moves: live.moves(),
        timeToFirstTokenMs: round(firstAtMs - live.submittedAtMs),
        tokensPerSecond: tokens > 1 && decodeMs > 0 ? round(((tokens - 1) * 1000) / decodeMs) : null,
        directHops,
        stoppedBy,
        lap: medianLap(laps),
        ...(options.payment === undefined ? {} : { payment: options.payment() }),
      },
    }
  }
}

function lapFacts(lapMs: number, trace: readonly HopTrace[]): LapFacts {
  return { lapMs, ...lapParts(lapMs, trace) }
}

/** Each figure's own median: one stalled lap moves none of them. */
function medianLap(laps: readonly LapFacts[]): LapFacts | null {
  if (laps.length === 0) return null
  const middle = (pick: (lap: LapFacts) => number): number =>
    round(laps.map(pick).sort((a, b) => a - b)[laps.length >> 1]!)
  return {
    lapMs: middle(lap => lap.lapMs),
    computeMs: middle(lap => lap.computeMs),
    queueMs: middle(lap => lap.queueMs),
    wireMs: middle(lap => lap.wireMs),
  }
}

const round = (value: number): number => Math.round(value * 100) / 100
