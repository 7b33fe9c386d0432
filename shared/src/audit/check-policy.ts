/**
 * How often, and how far, a seat's steps are computed again: the numbers that a plan of checks is drawn by. It knows no peers. They
 * are told with the commitment, so that nobody can choose them once the receipts are there.
 */
import { z } from 'zod'

export const checkPolicySchema = z.strictObject({
  /** Chance that a seat is checked on an attempt. */
  rate: z.number().min(0).max(1),
  /** A check computes positions [0, end) again. With `windowShare` its end lies among the first so many positions, */
  window: z.int().positive().max(1_048_576),
  windowShare: z.number().min(0).max(1),
  /** with `endShare` it is the attempt's last, and else any position is as likely as another. */
  endShare: z.number().min(0).max(1),
})
/** `windowShare` + `endShare` is at most 1. */
export type CheckPolicy = z.infer<typeof checkPolicySchema>

/**
 * 0.61 and not 0.6: whoever cheats on every step is to be out within 5 requests with a chance of 0.99, which takes 1 - 0.01^(1/5) =
 * 0.6019 a request; 0.6 gives 0.98976. Window and share keep checks below a fiftieth of the compute: docs/decisions/checks.md has what
 * wider and larger ones would buy, and cost.
 */
export const defaultCheckPolicy: CheckPolicy = { rate: 0.61, window: 24, windowShare: 7 / 8, endShare: 0 }

/**
 * The same where nobody measured such engines: the loose floor takes 16 compared rows (`isBeyondFloor`), which most checks with the usual window do not
 * have. With 64 and 5/6 four of five do, and whoever cheats on every step there is out within 5 requests with 0.96.
 */
export function policyUnmeasured(policy: CheckPolicy): CheckPolicy {
  return { ...policy, window: Math.max(policy.window, 64), windowShare: Math.min(policy.windowShare, 5 / 6) }
}

/** Where a check ends, given two numbers in [0, 1): in 1..positions. */
export function endOf(policy: CheckPolicy, positions: number, branch: number, place: number): number {
  if (branch < policy.windowShare) return 1 + Math.floor(place * Math.min(policy.window, positions))
  if (branch < policy.windowShare + policy.endShare) return positions
  return 1 + Math.floor(place * positions)
}

/** Chance that a check of an attempt of `positions` ends at each of 1..positions: index 0 is the end 1. Sums to 1. */
export function endChances(policy: CheckPolicy, positions: number): Float64Array {
  const within = Math.min(policy.window, positions)
  const anywhere = Math.max(0, 1 - policy.windowShare - policy.endShare)
  const chances = new Float64Array(positions).fill(anywhere / positions)
  for (let i = 0; i < within; i++) chances[i]! += policy.windowShare / within
  chances[positions - 1]! += policy.endShare
  return chances
}
