/**
 * What a policy reaches and what it costs, and the least rate that reaches what is asked for. Prices are ratios: nothing is measured
 * here. A check replays a slice from position 0 at the price of a prompt's positions, since all inputs are known.
 */
import {
  type Cheating,
  catchChanceOfCheck,
  catchChanceWithin,
  chanceNeeded,
  meanOver,
  positionsOf,
  type RequestShape,
} from './catch-chance.ts'
import { type CheckPolicy, endChances } from './check-policy.ts'

/** "Whoever cheats like this is out within so many requests with this chance." */
export interface Reach {
  readonly cheating: Cheating
  readonly requests: number
  readonly confidence: number
}

/** What the default policy is held to. */
export const defaultReaches: readonly Reach[] = [
  { cheating: { share: 1, pattern: 'scattered' }, requests: 5, confidence: 0.99 },
  { cheating: { share: 0.1, pattern: 'scattered' }, requests: 50, confidence: 0.99 },
]

/** The least rate at which `policy` reaches it over these requests; null where not even checking every attempt does. */
export function leastRate(policy: CheckPolicy, reach: Reach, shapes: readonly RequestShape[]): number | null {
  const caught = meanOver(shapes, shape => catchChanceOfCheck(policy, reach.cheating, shape))
  const rate = chanceNeeded(reach.requests, reach.confidence) / caught
  return rate <= 1 ? rate : null
}

/** True where `policy` reaches it at its own rate. */
export function isReached(policy: CheckPolicy, reach: Reach, shapes: readonly RequestShape[]): boolean {
  const input = { policy, cheating: reach.cheating, shapes }
  return catchChanceWithin(input, reach.requests) >= reach.confidence
}

/** Positions that a check of this request computes again, in the mean. */
export function positionsPerCheck(policy: CheckPolicy, shape: RequestShape): number {
  return endChances(policy, positionsOf(shape)).reduce((sum, chance, i) => sum + chance * (i + 1), 0)
}

/**
 * Compute that checks add, as a share of what the requests themselves take: rate × positions again / (prompt + (answer - 1) × ratio).
 * `decodeRatio` is what a decoded position costs in prompt positions. The same for each seat, whatever its layers.
 */
export function extraCompute(policy: CheckPolicy, shapes: readonly RequestShape[], decodeRatio: number): number {
  const again = meanOver(shapes, shape => positionsPerCheck(policy, shape))
  const own = meanOver(shapes, ({ promptTokens, answerTokens }) => promptTokens + (answerTokens - 1) * decodeRatio)
  return (policy.rate * again) / own
}

/** The decode ratio from which on checks add at most `budget`; infinite where requests decode nothing and the prompt alone is too little. */
export function leastDecodeRatio(policy: CheckPolicy, shapes: readonly RequestShape[], budget: number): number {
  const again = policy.rate * meanOver(shapes, shape => positionsPerCheck(policy, shape))
  const prompt = meanOver(shapes, shape => shape.promptTokens)
  const decoded = meanOver(shapes, shape => shape.answerTokens - 1)
  const missing = again / budget - prompt
  return missing <= 0 ? 0 : missing / decoded
}
