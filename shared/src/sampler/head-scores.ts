/**
 * What the exit asks of its head and what comes back: an argmax, or the 64 likeliest tokens and two normalisers. It knows no
 * tensors; `scoresFromLogits` is the plain meaning of the head graph, for engines that hold their logits in memory.
 */
import type { SampleRequest } from '../ports/engine.ts'
import { adjustLogits, type LogitAdjustments, logitAdjustments } from './logit-adjustments.ts'

/** Candidates that the head returns at most. */
export const candidateLimit = 64

/** Below this a draw is greedy anyway, and logits over temperature would leave f32. */
const coldest = 1e-6

/** How the head must score the last position. */
export type HeadQuery =
  | { readonly kind: 'argmax' }
  | {
      readonly kind: 'candidates'
      readonly adjustments: LogitAdjustments | null
      /** 1 / temperature, at most a million; 1 for greedy. */
      readonly inverseTemperature: number
    }

/** Tokens by falling value, ties by rising token. */
export interface RankedTokens {
  readonly tokens: Int32Array
  readonly values: Float32Array
}

export type HeadScores =
  | { readonly kind: 'argmax'; readonly token: number }
  | {
      readonly kind: 'candidates'
      /** By adjusted logit over temperature. */
      readonly scaled: RankedTokens
      readonly scaledLogSumExp: number
      /** The model's own logits at `scaled.tokens`. */
      readonly rawOfScaled: Float32Array
      /** By the model's own logit. */
      readonly raw: RankedTokens
      readonly rawLogSumExp: number
    }

/** The cheapest query that answers `request`. */
export function headQuery(request: SampleRequest, vocab: number): HeadQuery {
  const adjustments = logitAdjustments(request, vocab)
  const { temperature, logprobs } = request.params
  if (temperature === 0 && adjustments === null && logprobs === null) return { kind: 'argmax' }
  return {
    kind: 'candidates',
    adjustments,
    inverseTemperature: temperature === 0 ? 1 : 1 / Math.max(temperature, coldest),
  }
}

/** All tokens, or the first `limit`, by falling value; ties by rising token. */
export function rank(values: Float32Array, limit = values.length): RankedTokens {
  const order = Int32Array.from(values, (_, token) => token).sort((a, b) => values[b]! - values[a]! || a - b)
  const tokens = order.slice(0, limit)
  return { tokens, values: Float32Array.from(tokens, token => values[token]!) }
}

/** Token of the largest value; the lowest of equals. */
export function argmax(values: Float32Array): number {
  let best = 0
  for (let token = 1; token < values.length; token++) if (values[token]! > values[best]!) best = token
  return best
}

/** log(sum(exp(values))), summed in f64. */
export function logSumExp(values: Float32Array): number {
  let largest = Number.NEGATIVE_INFINITY
  for (const value of values) largest = Math.max(largest, value)
  let sum = 0
  for (const value of values) sum += Math.exp(value - largest)
  return largest + Math.log(sum)
}

/** Adjusted logits over temperature, in f32. */
export function scaleLogits(logits: Float32Array, query: HeadQuery & { kind: 'candidates' }): Float32Array {
  const scaled = adjustLogits(logits, query.adjustments)
  const factor = Math.fround(query.inverseTemperature)
  if (factor !== 1) for (let i = 0; i < scaled.length; i++) scaled[i]! *= factor
  return scaled
}

/** What a head with these logits answers to `query`. */
export function scoresFromLogits(logits: Float32Array, query: HeadQuery): HeadScores {
  if (query.kind === 'argmax') return { kind: 'argmax', token: argmax(logits) }
  const scaledLogits = scaleLogits(logits, query)
  const scaled = rank(scaledLogits, candidateLimit)
  return {
    kind: 'candidates',
    scaled,
    scaledLogSumExp: logSumExp(scaledLogits),
    rawOfScaled: Float32Array.from(scaled.tokens, token => logits[token]!),
    raw: rank(logits, candidateLimit),
    rawLogSumExp: logSumExp(logits),
  }
}
