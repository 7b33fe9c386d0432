/** How the engine's time is dealt out: how many decode rows share a step, and how long a chunk of a prompt may keep others waiting. */
import { expectedMs, type StepCosts } from './step-costs.ts'

/** Sharing must bring this much more rows a millisecond: below it lies the error of the estimates. */
const leastGain = 1.2
/** Twice the rows are hoped to cost this share more until they were tried. */
const hopedShare = 0.25
/** A step later an old measurement of sharing counts for this much. */
const sharingFades = 0.998
/** Chunks change their price with the context; what was too dear once is tried again much later. */
const chunksFade = 0.9999
/** Where a chunk costs hardly more than a single position, waiting for it is waiting for any row. */
const nearlyOne = 1.1

/** How many of `waiting` rows of one position should share the next step, at most `maxRows`: the most rows a millisecond. */
export function rowsToShare(costs: StepCosts, waiting: number, maxRows: number): number {
  const most = Math.min(waiting, maxRows)
  const alone = most < 2 ? null : expectedMs(costs, 1, sharingFades)
  if (alone === null) return Math.min(1, most)
  let best = 1
  let bestRate = leastGain / Math.max(alone, 1e-3)
  for (let doubled = 2; ; doubled *= 2) {
    const count = Math.min(doubled, most)
    const isMeasured = costs.buckets[32 - Math.clz32(count - 1)] !== undefined
    const byLine = expectedMs(costs, count, sharingFades)!
    // A kernel for one row is left for another where a second comes: what two cost says little of four.
    const byHope = (1 + hopedShare) * expectedMs(costs, count / 2, sharingFades)!
    const rate = count / Math.max(isMeasured ? byLine : Math.min(byLine, byHope), 1e-3)
    if (rate > bestRate) {
      best = count
      bestRate = rate
    }
    // A count is tried after one half as large, so that a surprise stays small.
    if (count === most || !isMeasured) return best
  }
}

/**
 * The largest chunk of a prompt that a decode row may find before it at every seat, and yet wait for no longer than `limitMs` in all:
 * `maxChunk`, or one of 1, 2, 3, 4, 6, 8, 12 … below it. A seat of which nothing is known has no say.
 */
export function chunkWithin(seats: readonly StepCosts[], maxChunk: number, limitMs: number): number {
  const longestMs = Math.max(limitMs, nearlyOne * waitMs(seats, 1))
  let size = maxChunk
  while (size > 1 && waitMs(seats, size) > longestMs) size = chunkBelow(size)
  return size
}

/** What a chunk takes at all seats together, as far as they are known. */
export function waitMs(seats: readonly StepCosts[], size: number): number {
  return seats.reduce((sum, costs) => sum + (expectedMs(costs, size, chunksFade) ?? 0), 0)
}

/** The next size of a chunk: few sizes, so that a GPU compiles few shapes. */
export function chunkBelow(size: number): number {
  const power = 2 ** (31 - Math.clz32(size - 1))
  return power > 1 && size > 1.5 * power ? 1.5 * power : power
}
