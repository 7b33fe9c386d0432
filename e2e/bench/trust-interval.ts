/**
 * How sure a measured chance is: intervals over answers that were each served once and judged by many draws, and what may be said of a reach.
 * Pure; it knows no answer.
 */
import { type CheckPolicy, endChances } from '@computepool/shared/audit'
import { quantile } from './bench-report.ts'

export interface Interval {
  readonly low: number
  readonly high: number
}

/** `not shown`: the figure may lie on the good side, and this many draws do not prove it. */
export type Verdict = 'reached' | 'not shown' | 'not reached'

/** Of a figure that is to be at least `reach`: only an interval that lies wholly on one side decides. */
export function judgeReach({ low, high }: Interval, reach: number): Verdict {
  if (low >= reach) return 'reached'
  return high < reach ? 'not reached' : 'not shown'
}

/** Chance of at least one catch in `requests`, each a fresh answer with a fresh secret, where one catches with `chance`. */
export function withinRequests(chance: number, requests: number): number {
  return 1 - (1 - chance) ** requests
}

export interface Resampling {
  /** In [0, 1). */
  readonly next: () => number
  /** Default 2,000. */
  readonly resamples?: number
  /** That the interval leaves out, on both sides together. Default 0.05. */
  readonly outside?: number
}

/**
 * The interval of the mean of `clusters`, by drawing whole clusters with replacement. A cluster is what one answer's draws gave: they share the
 * answer, so that many draws of few answers are no more than few answers.
 */
export function clusterInterval(
  clusters: readonly number[],
  { next, resamples = 2000, outside = 0.05 }: Resampling,
): Interval {
  const means = Array.from({ length: resamples }, () => {
    let sum = 0
    for (let i = 0; i < clusters.length; i++) sum += clusters[Math.floor(next() * clusters.length)]!
    return sum / clusters.length
  })
  return { low: quantile(means, outside / 2), high: quantile(means, 1 - outside / 2) }
}

/** By answer: the ends of its checks by draw, 0 where a draw checked nothing; caught where the first bad position lies before the end. */
export interface DrawnAnswer {
  readonly firstBad: number | null
  readonly ends: readonly number[]
}

function isCaught({ firstBad, ends }: DrawnAnswer, draw: number): boolean {
  return firstBad !== null && firstBad < ends[draw]!
}

/** Share of the answer's draws that catch. */
export function caughtShare(answer: DrawnAnswer): number {
  return answer.ends.filter((_, draw) => isCaught(answer, draw)).length / answer.ends.length
}

/** Requests that one run takes until one catches, answer and draw chosen anew for each; `most` + 1 where none of `most` does. */
export function requestsUntilCaught(answers: readonly DrawnAnswer[], most: number, next: () => number): number {
  for (let request = 1; request <= most; request++) {
    const answer = answers[Math.floor(next() * answers.length)]!
    if (isCaught(answer, Math.floor(next() * answer.ends.length))) return request
  }
  return most + 1
}

/** The ends of `count` checks that stand for all: the middles of as many equally likely parts of the policy's ends. */
export function endQuantiles(policy: CheckPolicy, positions: number, count: number): number[] {
  const chances = endChances(policy, positions)
  const ends: number[] = []
  let below = 0
  for (let end = 1; end <= positions; end++) {
    below += chances[end - 1]!
    // What sums of many small numbers lose must not cost the last part its end.
    while (ends.length < count && (ends.length + 0.5) / count <= below + 1e-9) ends.push(end)
  }
  return ends
}
