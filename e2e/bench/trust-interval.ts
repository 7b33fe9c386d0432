/**
 * How sure a measured figure is: intervals over rounds, over pairs of turns and over answers that were judged by many draws, and what may
 * be said of a reach. Pure; it knows no answer and no clock.
 */
import { type BenchRow, benchRow, quantile } from './bench-report.ts'

/** 95 % of where a figure lies. */
export interface Interval {
  readonly low: number
  readonly high: number
}

export type Reach = { readonly atLeast: number } | { readonly atMost: number }

/** Only an interval that lies wholly on one side decides; null: this much measuring does not. */
export function judgeReach({ low, high }: Interval, reach: Reach): boolean | null {
  const [isIn, isOut] =
    'atLeast' in reach ? [low >= reach.atLeast, high < reach.atLeast] : [high <= reach.atMost, low > reach.atMost]
  return isIn ? true : isOut ? false : null
}

/** A row of a figure that an interval judges. */
export function reachRow(
  name: string,
  unit: string,
  figure: number,
  measured: { readonly interval: Interval; readonly reach: Reach },
): BenchRow {
  const reached = judgeReach(measured.interval, measured.reach)
  return { ...benchRow(name, unit, [figure], measured.reach), ...measured.interval, reached, ok: reached === true }
}

/** Chance of at least one catch in `requests`, each a fresh answer with a fresh secret, where one catches with `chance`. */
export function withinRequests(chance: number, requests: number): number {
  return 1 - (1 - chance) ** requests
}

/** Of independent samples, at least three: Student's interval of their mean. */
export function meanInterval(samples: readonly number[]): Interval {
  const count = samples.length
  if (count < 3) throw new RangeError(`${count} samples have no interval`)
  const mean = samples.reduce((sum, value) => sum + value, 0) / count
  const variance = samples.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1)
  const half = studentAt975(count - 1) * Math.sqrt(variance / count)
  return { low: mean - half, high: mean + half }
}

/** What Student's t with so many degrees of freedom stays below in 97.5 % of all cases: Fisher's expansion, within 1 % from two on. */
export function studentAt975(freedom: number): number {
  const z = 1.959964
  const terms = [
    (z ** 3 + z) / 4,
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96,
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384,
    (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / 92_160,
  ]
  return terms.reduce((sum, term, i) => sum + term / freedom ** (i + 1), z)
}

/** What two did in turn, next to each other in time. */
export interface Pair {
  readonly one: number
  readonly other: number
}

/** Sum of all `one` over sum of all `other`. */
export function ratioOf(kinds: readonly (readonly Pair[])[]): number {
  let [one, other] = [0, 0]
  for (const pair of kinds.flat()) {
    one += pair.one
    other += pair.other
  }
  return one / other
}

/** Without the largest and the least tenth. */
function trimmedMean(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  const cut = Math.floor(sorted.length / 10)
  const kept = sorted.slice(cut, sorted.length - cut)
  return kept.reduce((sum, value) => sum + value, 0) / kept.length
}

/**
 * The same ratio of what is usual: differences of pairs without their largest and least tenth, kind by kind (first laps, laps, last ones),
 * each kind by its number. What strikes one of a pair now and then, and either as likely, goes out with the tenths: other programs, and the
 * collecting of garbage too.
 */
export function usualRatioOf(kinds: readonly (readonly Pair[])[]): number {
  let [one, more] = [0, 0]
  for (const pairs of kinds) {
    if (pairs.length === 0) continue
    one += pairs.length * trimmedMean(pairs.map(pair => pair.one))
    more += pairs.length * trimmedMean(pairs.map(pair => pair.other - pair.one))
  }
  return one / (one + more)
}

/** The interval of such a ratio, by drawing whole pairs of each kind again: what a pair shares, a slow moment above all, takes nothing from it. */
export function pairsInterval(
  kinds: readonly (readonly Pair[])[],
  ratio: (kinds: readonly (readonly Pair[])[]) => number,
  next: () => number,
  resamples = 1000,
): Interval {
  const ratios = Array.from({ length: resamples }, () =>
    ratio(kinds.map(pairs => pairs.map(() => pairs[Math.floor(next() * pairs.length)]!))),
  )
  return { low: quantile(ratios, 0.025), high: quantile(ratios, 0.975) }
}

/**
 * For each of `count` answers the first step that is cheated on, where each step is by a coin of its own that falls so with `share`: one
 * answer from each of `count` equally likely parts of what coins do. In a random one of them the step falls as by coins, so that means over
 * all are what they would be; but a batch holds as many early and late ones as there should be, which is what moves means most.
 */
export function firstCheatedSteps(share: number, count: number, next: () => number): number[] {
  if (share >= 1) return new Array<number>(count).fill(0)
  return Array.from({ length: count }, (_, i) => Math.floor(Math.log1p(-(i + next()) / count) / Math.log1p(-share)))
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

/** `count` of them that stand for all: the middles of as many equal parts, in order of size. */
export function middlesOf(values: readonly number[], count: number): number[] {
  const sorted = [...values].sort((one, other) => one - other)
  return Array.from({ length: count }, (_, i) => sorted[Math.floor(((i + 0.5) / count) * sorted.length)]!)
}
