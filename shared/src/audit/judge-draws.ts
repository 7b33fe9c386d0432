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

/** `same`: drawn again. `near-tie`: not, but from scores within the tolerance it could be. `unjudged`: what it was drawn from says nothing. */
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
  /** True where none is different, and near ties are no more than chance brings an honest engine. */
  readonly isHonest: boolean
}

export interface JudgeDrawsInput {
  readonly params: SamplingParams
  /** How far two honest engines' logits of one token may lie apart. */
  readonly logitTolerance: number
  /** Share of an honest engine's draws that come out otherwise, as near ties; a tenth unless told otherwise. */
  readonly nearTieShare?: number
}

/** Judges each draw by itself: whatever was drawn before it is taken as claimed. */
export async function judgeDraws(claims: readonly DrawClaim[], input: JudgeDrawsInput): Promise<DrawsJudged> {
  const verdicts: DrawVerdict[] = []
  for (const claim of claims) verdicts.push(await judgeDraw(claim, input))
  return countVerdicts(verdicts, input.nearTieShare)
}

/** Of f16 against f32 on random weights, whose draws are closer than any model's, one in twenty came out otherwise. */
const usualNearTies = 0.1

export function countVerdicts(verdicts: readonly DrawVerdict[], nearTieShare = usualNearTies): DrawsJudged {
  const count = (wanted: DrawVerdict) => verdicts.filter(verdict => verdict === wanted).length
  const different = count('different')
  const nearTies = count('near-tie')
  const isHonest = different === 0 && nearTies <= mostNearTies(verdicts.length, nearTieShare)
  return { verdicts, same: count('same'), nearTies, different, isHonest }
}

/** Of `draws` draws that each are a near tie with chance `share`, more than so many are less likely than one in a million. */
export function mostNearTies(draws: number, share: number): number {
  if (share >= 1) return draws
  let likelihood = (1 - share) ** draws
  let below = likelihood
  let most = 0
  while (most < draws && 1 - below >= 1e-6) {
    likelihood *= ((draws - most) / (most + 1)) * (share / (1 - share))
    below += likelihood
    most += 1
  }
  return most
}

/** One draw by itself. */
export async function judgeDraw(
  claim: DrawClaim,
  { params, logitTolerance }: Omit<JudgeDrawsInput, 'nearTieShare'>,
): Promise<DrawVerdict> {
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
    scores: { tokens, scores },
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
