/**
 * Whether a token could have been drawn by somebody whose scores differ from ours by no more than a tolerance: what tells a near tie from
 * a wrong draw. Its bounds are safe: what an honest sampler draws from scores within the tolerance is never refused; a few more may pass.
 * It knows no engine.
 */
import type { SamplingParams } from '../pipeline/index.ts'

/** All tokens' scores after penalties and over temperature, natural logarithms up to one constant, by falling score. */
export interface DrawScores {
  readonly tokens: ArrayLike<number>
  readonly scores: ArrayLike<number>
}

export interface CouldDrawInput {
  readonly scores: DrawScores
  readonly params: SamplingParams
  /** In [0, 1): what seed and position draw by; not read at temperature 0. */
  readonly uniform: number
  readonly token: number
  /** How far two scores of one token may lie apart. */
  readonly tolerance: number
}

/** Sums of hundreds of thousands of f32 terms. */
const rounding = 1e-5

/** True where some scores within the tolerance draw `token`; false for one that there is not. */
export function couldDraw({ scores, params, uniform, token, tolerance }: CouldDrawInput): boolean {
  const at = Array.prototype.indexOf.call(scores.tokens, token)
  if (at < 0) return false
  const slack = 2 * tolerance + rounding
  const most = scores.scores[0]!
  if (params.temperature === 0) return scores.scores[at]! + slack >= most
  const bounds = boundsOf(scores, slack)
  const { before, through, surelyAbove } = bounds.placeOf(scores.scores[at]!, at)
  const kept = keptMass(scores, params, bounds, slack)
  if (params.topK > 0 && surelyAbove >= params.topK) return false
  if (params.topP < 1 && surelyAbove > 0 && before.least >= params.topP * kept.offered.most) return false
  if (params.minP > 0 && scores.scores[at]! - most + slack < Math.log(params.minP)) return false
  return before.least - rounding <= uniform * kept.most && uniform * kept.least <= through.most + rounding
}

interface Range {
  readonly least: number
  readonly most: number
}

interface Place {
  /** Mass of the tokens that are walked before it. */
  readonly before: Range
  /** And with its own. */
  readonly through: Range
  readonly surelyAbove: number
  /** Tokens beside itself that may be walked before it. */
  readonly perhapsAbove: number
}

interface Bounds {
  readonly least: Float64Array
  readonly most: Float64Array
  placeOf(score: number, at: number): Place
}

/** Each token's probability within the slack: normalised scores that move by it change a probability by e^slack at most. */
function boundsOf({ scores }: DrawScores, slack: number): Bounds {
  const factor = Math.exp(slack)
  const weights = Float64Array.from(scores, Math.exp)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const least = weights.map(weight => weight / total / factor)
  const most = weights.map(weight => Math.min(1, (weight / total) * factor))
  const leastUpTo = runningSums(least)
  const mostUpTo = runningSums(most)
  const count = weights.length
  return {
    least,
    most,
    placeOf(score, at) {
      const surelyAbove = firstBelow(scores, score + slack)
      const surelyBelowFrom = firstBelow(scores, score - slack - Number.EPSILON)
      const below = leastUpTo[count]! - leastUpTo[surelyBelowFrom]!
      const behind = mostUpTo[count]! - mostUpTo[surelyAbove]!
      const before = {
        least: Math.max(leastUpTo[surelyAbove]!, 1 - behind),
        most: Math.min(mostUpTo[surelyBelowFrom]! - most[at]!, 1 - below - least[at]!),
      }
      return {
        before,
        through: { least: before.least + least[at]!, most: Math.min(before.most + most[at]!, 1 - below) },
        surelyAbove,
        perhapsAbove: surelyBelowFrom - 1,
      }
    },
  }
}

interface KeptMass extends Range {
  /** What top_k leaves, of which top_p is a share. */
  readonly offered: Range
}

/** Bounds of the mass that the filters keep, which the draw is scaled by; 1 where there are none. */
function keptMass(
  { scores }: DrawScores,
  { topK, topP, minP }: SamplingParams,
  bounds: Bounds,
  slack: number,
): KeptMass {
  const whole = { least: 1, most: 1 }
  if (topK === 0 && topP >= 1 && minP === 0) return { ...whole, offered: whole }
  const count = scores.length
  const sumOf = (values: Float64Array, end: number) => values.subarray(0, end).reduce((sum, value) => sum + value, 0)
  const within = Math.min(topK, count)
  const offered =
    topK > 0 ? { least: sumOf(bounds.least, within), most: Math.min(1, sumOf(bounds.most, within)) } : whole
  const floor = minP > 0 ? Math.log(minP) : Number.NEGATIVE_INFINITY
  const first = scores[0]!
  let least = 0
  let most = 0
  for (let i = 0; i < count; i++) {
    const { before, surelyAbove, perhapsAbove } = bounds.placeOf(scores[i]!, i)
    const mayStay =
      (topK === 0 || surelyAbove < topK) &&
      (surelyAbove === 0 || before.least < topP * offered.most) &&
      scores[i]! - first + slack >= floor
    // By falling score: none behind it may stay either.
    if (!mayStay) return { least, most: Math.min(1, most), offered }
    most += bounds.most[i]!
    const mustStay =
      (topK === 0 || perhapsAbove < topK) &&
      (perhapsAbove === 0 || before.most < topP * offered.least) &&
      scores[i]! - first - slack >= floor
    if (mustStay) least += bounds.least[i]!
  }
  return { least, most: Math.min(1, most), offered }
}

function runningSums(values: Float64Array): Float64Array {
  const sums = new Float64Array(values.length + 1)
  for (let i = 0; i < values.length; i++) sums[i + 1] = sums[i]! + values[i]!
  return sums
}

/** Index of the first score that is not above `limit`, in falling scores. */
function firstBelow(scores: ArrayLike<number>, limit: number): number {
  let from = 0
  let to = scores.length
  while (from < to) {
    const middle = (from + to) >>> 1
    if (scores[middle]! > limit) from = middle + 1
    else to = middle
  }
  return from
}
