/** What goes into the scorer graph and what its outputs mean, for every runtime alike; it knows no runtime's tensors. */
import type { HeadQuery, HeadScores } from './head-scores.ts'

/** Values of the scorer graph's small inputs; the first four have the same length, a power of two. */
export interface ScorerInputs {
  readonly tokens: Int32Array
  readonly repetition: Float32Array
  readonly inverseRepetition: Float32Array
  readonly summand: Float32Array
  readonly inverseTemperature: Float32Array
}

/**
 * The list is filled up to a power of two by repeating its last entry, which writes the same value twice: a GPU then sees few
 * shapes. Without adjustments it is token 0, unchanged.
 */
export function scorerInputs(query: HeadQuery & { kind: 'candidates' }): ScorerInputs {
  const { adjustments } = query
  const count = adjustments?.tokens.length ?? 1
  const padded = 2 ** Math.ceil(Math.log2(count))
  const at = (i: number) => Math.min(i, count - 1)
  const repetition = Float32Array.from({ length: padded }, (_, i) => adjustments?.repetition[at(i)] ?? 1)
  return {
    tokens: Int32Array.from({ length: padded }, (_, i) => adjustments?.tokens[at(i)] ?? 0),
    repetition,
    inverseRepetition: repetition.map(factor => 1 / factor),
    summand: Float32Array.from({ length: padded }, (_, i) => adjustments?.summand[at(i)] ?? 0),
    inverseTemperature: Float32Array.of(query.inverseTemperature),
  }
}

/** The scorer graph's outputs. */
export interface ScorerOutputs {
  readonly scaled: Float32Array
  readonly scaledTokens: Int32Array
  readonly rawOfScaled: Float32Array
  readonly scaledLogSumExp: number
  readonly raw: Float32Array
  readonly rawTokens: Int32Array
  readonly rawLogSumExp: number
}

/** The outputs as scores; ties are put in the order of rising token, which a GPU's TopK does not promise. */
export function rankCandidates(outputs: ScorerOutputs): HeadScores {
  const order = (values: Float32Array, tokens: Int32Array) =>
    Array.from(values.keys()).sort((a, b) => values[b]! - values[a]! || tokens[a]! - tokens[b]!)
  const scaledOrder = order(outputs.scaled, outputs.scaledTokens)
  const rawOrder = order(outputs.raw, outputs.rawTokens)
  const pick = (values: Float32Array, by: readonly number[]) => Float32Array.from(by, i => values[i]!)
  const pickTokens = (tokens: Int32Array, by: readonly number[]) => Int32Array.from(by, i => tokens[i]!)
  return {
    kind: 'candidates',
    scaled: { values: pick(outputs.scaled, scaledOrder), tokens: pickTokens(outputs.scaledTokens, scaledOrder) },
    scaledLogSumExp: outputs.scaledLogSumExp,
    rawOfScaled: pick(outputs.rawOfScaled, scaledOrder),
    raw: { values: pick(outputs.raw, rawOrder), tokens: pickTokens(outputs.rawTokens, rawOrder) },
    rawLogSumExp: outputs.rawLogSumExp,
  }
}
