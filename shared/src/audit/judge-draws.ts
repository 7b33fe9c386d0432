/**
 * The exit's word against scores that were computed again: the sampler is run once more, with the request's own seed and positions, and
 * must draw the same tokens, but for near ties. It knows no engine; logits come to it.
 */
import type { SamplingParams } from '../pipeline/index.ts'
import {
  adjustLogits,
  type HeadQuery,
  headQuery,
  logitAdjustments,
  rank,
  sampleToken,
  scoresFromLogits,
  uniformAt,
} from '../sampler/index.ts'
import { couldDraw } from './could-draw.ts'

/** `same`: drawn again. `near-tie`: not, but from scores within the tolerance it could be. `unjudged`: too little is known to say. */
export type DrawVerdict = 'same' | 'near-tie' | 'different' | 'unjudged'

export interface DrawClaim {
  /** Position that the token takes. */
  readonly position: number
  readonly token: number
  /** The model's logits [vocab] after the position before, computed again. */
  readonly logits: Float32Array
  /** Tokens drawn before it, and the prompt where the repetition penalty is not 1. */
  readonly generated: readonly number[]
  readonly prompt: readonly number[]
}

export interface DrawsJudged {
  readonly verdicts: readonly DrawVerdict[]
  readonly same: number
  readonly nearTies: number
  readonly different: number
  /** True where none is different. */
  readonly isHonest: boolean
}

export interface JudgeDrawsInput {
  readonly params: SamplingParams
  /** How far two honest engines' logits of one token may lie apart. */
  readonly logitTolerance: number
}

/** Judges each draw by itself: whatever was drawn before it is taken as claimed. */
export async function judgeDraws(claims: readonly DrawClaim[], input: JudgeDrawsInput): Promise<DrawsJudged> {
  const verdicts: DrawVerdict[] = []
  for (const claim of claims) verdicts.push(await judgeDraw(claim, input))
  return countVerdicts(verdicts)
}

export function countVerdicts(verdicts: readonly DrawVerdict[]): DrawsJudged {
  const count = (wanted: DrawVerdict) => verdicts.filter(verdict => verdict === wanted).length
  const different = count('different')
  return { verdicts, same: count('same'), nearTies: count('near-tie'), different, isHonest: different === 0 }
}

async function judgeDraw(claim: DrawClaim, { params, logitTolerance }: JudgeDrawsInput): Promise<DrawVerdict> {
  const { logits, position, token } = claim
  const request = { params, generated: claim.generated, prompt: claim.prompt }
  const query = headQuery(request, logits.length)
  const readLogits = async () => logits
  const drawn = await sampleToken({ params, query, scores: scoresFromLogits(logits, query), position, readLogits })
  if (drawn.token === token) return 'same'
  if (token >= logits.length) return 'different'
  const adjustments = logitAdjustments(request, logits.length)
  const inverse = inverseTemperature(query)
  const adjusted = adjustLogits(logits, adjustments)
  for (let i = 0; i < adjusted.length; i++) adjusted[i]! *= inverse
  const { tokens, values } = rank(adjusted)
  // From the first on, so that no exponential overflows.
  const scores = values.map(value => value - values[0]!)
  // A repetition penalty widens what a logit is off by, whichever way it is applied.
  const widest = adjustments?.repetition.reduce((most, factor) => Math.max(most, factor, 1 / factor), 1) ?? 1
  const isNear = couldDraw({
    scores: { tokens, scores, rest: null },
    params,
    uniform: uniformAt(params.seed, position),
    token,
    tolerance: logitTolerance * widest * inverse,
  })
  return isNear ? 'near-tie' : 'different'
}

function inverseTemperature(query: HeadQuery): number {
  return query.kind === 'argmax' ? 1 : query.inverseTemperature
}
