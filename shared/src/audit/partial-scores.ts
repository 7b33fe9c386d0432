/**
 * A distribution of which only the likeliest tokens and the claimed one are known, as an engine tells them in log-probabilities: what it
 * can still say of a draw. It knows no engine.
 */
import type { SampleRequest } from '../ports/index.ts'
import { logitAdjustments } from '../sampler/index.ts'
import type { DrawScores } from './could-draw.ts'

export interface PartialScoresInput {
  /** The likeliest tokens with the model's own log-probabilities. */
  readonly likeliest: readonly (readonly [token: number, logprob: number])[]
  /** The token in question, likely or not. */
  readonly claimed: readonly [token: number, logprob: number]
  readonly request: SampleRequest
  readonly vocab: number
}

/** Null where a repetition penalty is on: it hangs on the sign of a logit, which log-probabilities do not tell. */
export function partialScores({ likeliest, claimed, request, vocab }: PartialScoresInput): DrawScores | null {
  const { params } = request
  if (params.repetitionPenalty !== 1) return null
  const known = new Map(likeliest)
  const restMost = Math.min(...known.values())
  known.set(claimed[0], claimed[1])
  const adjustments = logitAdjustments(request, vocab)
  const shifts = new Map<number, number>()
  for (const [i, token] of (adjustments?.tokens ?? []).entries()) shifts.set(token, adjustments!.summand[i]!)
  const inverse = params.temperature === 0 ? 1 : 1 / Math.max(params.temperature, 1e-6)
  const listed = [...known]
    .map(([token, logprob]) => ({ token, score: (logprob + (shifts.get(token) ?? 0)) * inverse }))
    .sort((a, b) => b.score - a.score || a.token - b.token)
  const top = listed[0]!.score
  const tokens = listed.map(({ token }) => token)
  const scores = listed.map(({ score }) => score - top)
  const count = vocab - known.size
  if (count <= 0) return { tokens, scores, rest: null }
  const mass = Math.max(
    0,
    [...known.values()].reduce((left, logprob) => left - Math.exp(logprob), 1),
  )
  const others = [...shifts].filter(([token]) => !known.has(token)).map(([, shift]) => shift)
  const bounds = restMass({ mass, count, most: restMost, inverse })
  // Each of those that are shifted had at most the mass of the last that is listed.
  const shifted = (shift: number) => Math.exp(restMost * inverse) * (Math.exp(shift * inverse) - 1)
  const gained = others.reduce((sum, shift) => sum + Math.max(0, shifted(shift)), 0)
  const lost = others.reduce((sum, shift) => sum + Math.max(0, -shifted(shift)), 0)
  return {
    tokens,
    scores,
    rest: {
      count,
      most: (restMost + Math.max(0, ...others)) * inverse - top,
      leastMass: Math.max(0, bounds.least - lost) * Math.exp(-top),
      mostMass: (bounds.most + gained) * Math.exp(-top),
    },
  }
}

interface RestInput {
  /** Sum of the probabilities. */
  readonly mass: number
  readonly count: number
  /** The largest logarithm that one of them may have. */
  readonly most: number
  readonly inverse: number
}

/**
 * Bounds of the sum of p^inverse over `count` unknown probabilities: each is at most exp(most), and by the power mean their sum is
 * furthest from that where all are equal. The mass is a difference of rounded numbers: it is widened by that.
 */
function restMass({ mass, count, most, inverse }: RestInput): { least: number; most: number } {
  const rounding = 1e-5
  const bound = (sum: number, isMost: boolean): number => {
    if (sum <= 0) return 0
    const peaked = sum * Math.exp(most * (inverse - 1))
    const flat = sum ** inverse * count ** (1 - inverse)
    return isMost ? Math.max(peaked, flat) : Math.min(peaked, flat)
  }
  return { least: bound(mass - rounding, false), most: bound(mass + rounding, true) }
}
