/**
 * Draws one token from what the head returned. The filters (top_k, then top_p over what top_k left, then min_p) each keep a prefix
 * of the tokens by falling probability, and the draw walks that prefix; so 64 candidates and the normaliser decide almost every
 * draw exactly, and the full logits are read only where they do not. It knows no tensors.
 */
import { ComputePoolError } from '../errors/index.ts'
import type { SampledToken, SamplingParams } from '../pipeline/index.ts'
import { type HeadQuery, type HeadScores, logSumExp, type RankedTokens, rank, scaleLogits } from './head-scores.ts'
import { uniformAt } from './philox.ts'

export interface SampleTokenInput {
  readonly params: SamplingParams
  readonly query: HeadQuery
  readonly scores: HeadScores
  /** Position that the drawn token will take: with the seed, all that the draw depends on. */
  readonly position: number
  /** The model's logits [vocab], read from the device only when the candidates do not decide. */
  readonly readLogits: () => Promise<Float32Array>
}

/**
 * The token at `position`, with raw log-probabilities where `params.logprobs` asks for them. Errors: `engine_failed` where the head
 * answered with what is no number.
 */
export async function sampleToken(input: SampleTokenInput): Promise<SampledToken> {
  const { params, query, scores, position } = input
  if (scores.kind === 'argmax' || query.kind === 'argmax') {
    if (scores.kind !== query.kind)
      throw new RangeError(`the head answered ${scores.kind} to a query for ${query.kind}`)
    return { token: (scores as { token: number }).token, logprob: null, topLogprobs: [] }
  }
  refuseWhatIsNoNumber(scores, position)
  let index = 0
  let token = scores.scaled.tokens[0]!
  let raw: number | null = scores.rawOfScaled[0]!
  if (params.temperature > 0) {
    const uniform = uniformAt(params.seed, position)
    const isSummed = Number.isFinite(scores.scaledLogSumExp)
    const found = isSummed ? drawFromPrefix(scores.scaled, scores.scaledLogSumExp, params, uniform, false) : null
    if (found === null) {
      const logits = await input.readLogits()
      const scaledLogits = scaleLogits(logits, query)
      const all = rank(scaledLogits)
      index = drawFromPrefix(all, logSumExp(scaledLogits), params, uniform, true)!
      token = all.tokens[index]!
      raw = logits[token]!
    } else {
      index = found
      token = scores.scaled.tokens[index]!
      raw = scores.rawOfScaled[index]!
    }
  }
  if (params.logprobs === null) return { token, logprob: null, topLogprobs: [] }
  const count = Math.min(params.logprobs, scores.raw.tokens.length)
  const topLogprobs = Array.from({ length: count }, (_, i): [number, number] => [
    scores.raw.tokens[i]!,
    Math.min(0, scores.raw.values[i]! - scores.rawLogSumExp),
  ])
  return { token, logprob: Math.min(0, raw - scores.rawLogSumExp), topLogprobs }
}

/** A seat before the exit may have sent anything; drawn from that, a token's log-probabilities could not even be told. */
function refuseWhatIsNoNumber(scores: HeadScores & { kind: 'candidates' }, position: number): void {
  const { scaled, scaledLogSumExp, rawOfScaled, raw, rawLogSumExp } = scores
  const isSound = (values: Float32Array) => values.every(Number.isFinite)
  const areSound = isSound(scaled.values) && isSound(rawOfScaled) && isSound(raw.values)
  // A head that sums without care overflows where a client's bias lifts a logit far: then the logits themselves decide.
  if (areSound && scaledLogSumExp > Number.NEGATIVE_INFINITY && Number.isFinite(rawLogSumExp)) return
  throw new ComputePoolError('engine_failed', `The scores of position ${position} are not finite.`, {
    remedy: 'Send the request again over other seats.',
    context: { position },
  })
}

/** Index into `ranked` of the token drawn, or null where `ranked` is only a beginning and does not decide. */
function drawFromPrefix(
  ranked: RankedTokens,
  logNormaliser: number,
  params: SamplingParams,
  uniform: number,
  isWhole: boolean,
): number | null {
  const probabilities = Float64Array.from(ranked.values, value => Math.exp(value - logNormaliser))
  const limit = params.topK === 0 ? Number.POSITIVE_INFINITY : params.topK
  const available = Math.min(limit, probabilities.length)
  const sawAll = isWhole || limit <= probabilities.length
  let massBeforeTopP = 1
  if (limit !== Number.POSITIVE_INFINITY) {
    // top_p is a share of what top_k left, which 64 candidates tell only where top_k is at most 64.
    if (!sawAll && params.topP < 1) return null
    massBeforeTopP = sum(probabilities, available)
  }
  const target = params.topP < 1 ? params.topP * massBeforeTopP : Number.POSITIVE_INFINITY
  const floor = params.minP * probabilities[0]!
  let kept = 0
  let mass = 0
  let isCut = false
  while (kept < available) {
    if (kept > 0 && (mass >= target || probabilities[kept]! < floor)) {
      isCut = true
      break
    }
    mass += probabilities[kept]!
    kept += 1
  }
  const isPrefixKnown = isCut || mass >= target || sawAll
  if (!isPrefixKnown) {
    // With no filter the kept mass is 1, so a draw inside the candidates is decided; a filter that ends beyond them is not.
    if (params.topP < 1 || params.minP > 0 || limit !== Number.POSITIVE_INFINITY) return null
    if (uniform >= mass) return null
  }
  const threshold = uniform * (isPrefixKnown ? mass : 1)
  let cumulative = 0
  for (let i = 0; i < kept; i++) {
    cumulative += probabilities[i]!
    if (threshold < cumulative) return i
  }
  return kept - 1
}

function sum(values: Float64Array, count: number): number {
  let total = 0
  for (let i = 0; i < count; i++) total += values[i]!
  return total
}
