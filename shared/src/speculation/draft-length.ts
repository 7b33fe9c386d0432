/** How many tokens to draft for the next lap: the length with the best expected tokens a millisecond, or none. Pure arithmetic. */
import { type Acceptance, expectedTokens } from './acceptance.ts'
import { draftLengths, extraMs, isWithinReach, type LapCosts, plainLapMs } from './lap-costs.ts'

/** Drafting must promise this much more than a plain lap: below it lies the error of the estimates. */
const leastGain = 1.1

export interface DraftChoice {
  readonly acceptance: Acceptance
  readonly costs: LapCosts
  /** Of the guess that would be drafted. */
  readonly match: number
  /** Most tokens that may be drafted. */
  readonly limit: number
  /** Requests under way in the coalition: rows of one delay the others. */
  readonly requests: number
  readonly seats: number
}

/** One of `draftLengths`, at most `limit`; 0 until a plain lap was measured. */
export function draftLength(choice: DraftChoice): number {
  const { acceptance, costs, match, limit } = choice
  const plainMs = plainLapMs(costs)
  if (plainMs === null) return 0
  // Another request waits for these rows at most at one seat after the other.
  const delayed = 1 + Math.max(0, choice.requests - 1) / choice.seats
  const restMs = plainMs + costs.queueMs
  let best = 0
  let bestRate = leastGain / Math.max(restMs, 1e-3)
  draftLengths.forEach((length, index) => {
    if (length === 0 || length > limit || !isWithinReach(costs, index)) return
    const lapMs = Math.max(restMs + extraMs(costs, index) * delayed, 1e-3)
    const rate = expectedTokens(acceptance, match, length) / lapMs
    if (rate <= bestRate) return
    best = length
    bestRate = rate
  })
  return best
}
