import { catchChanceWithin, defaultCheckPolicy } from '@computepool/shared/audit'
import { createSeededRandom } from '@computepool/shared/testing'
import { describe, expect, it } from 'vitest'
import {
  caughtShare,
  firstCheatedSteps,
  judgeReach,
  meanInterval,
  middlesOf,
  pairsInterval,
  ratioOf,
  reachRow,
  requestsUntilCaught,
  studentAt975,
  usualRatioOf,
  withinRequests,
} from './trust-interval.ts'

describe('a reach', () => {
  it('is reached or missed only where the whole interval lies on one side', () => {
    const least = { atLeast: 0.99 }
    expect(judgeReach({ low: 0.99, high: 0.999 }, least)).toBe(true)
    expect(judgeReach({ low: 0.989, high: 0.999 }, least)).toBeNull()
    expect(judgeReach({ low: 0.5, high: 0.99 }, least)).toBeNull()
    expect(judgeReach({ low: 0.5, high: 0.989 }, least)).toBe(false)
    const most = { atMost: 0.02 }
    expect(judgeReach({ low: 0.01, high: 0.02 }, most)).toBe(true)
    expect(judgeReach({ low: 0.02, high: 0.021 }, most)).toBeNull()
    expect(judgeReach({ low: 0.0201, high: 0.03 }, most)).toBe(false)
  })

  it('that is not shown is not said to be ok, however good its figure', () => {
    const row = reachRow('a', 'share', 0.995, { interval: { low: 0.98, high: 1 }, reach: { atLeast: 0.99 } })
    expect(row).toMatchObject({ median: 0.995, reach: 0.99, low: 0.98, high: 1, reached: null, ok: false })
  })

  it('of five requests at the default rate is what the rate was chosen for', () => {
    expect(withinRequests(0.61, 5)).toBeGreaterThan(0.99)
    expect(withinRequests(0.6, 5)).toBeLessThan(0.99)
  })
})

/** A sum of uniform numbers: near enough to what rounds of a bench are. */
const rounded = (next: () => number) => next() + next() + next() + next()

/** How often, of `trials`, an interval of fresh samples holds the truth. */
function coverage(trials: number, holds: () => boolean): number {
  let held = 0
  for (let trial = 0; trial < trials; trial++) held += holds() ? 1 : 0
  return held / trials
}

describe('an interval', () => {
  it('of few rounds is as wide as Student’s', () => {
    for (const [freedom, known] of [
      [2, 4.3027],
      [3, 3.1824],
      [5, 2.5706],
      [19, 2.093],
      [1000, 1.9623],
    ] as const)
      expect(Math.abs(studentAt975(freedom) / known - 1)).toBeLessThan(0.01)
    expect(() => meanInterval([1, 2])).toThrow(/2 samples/)
    expect(meanInterval([0.4, 0.4, 0.4])).toEqual({ low: expect.closeTo(0.4), high: expect.closeTo(0.4) })
  })

  it.each([3, 5, 20])('of the mean of %i rounds holds the truth as often as it says', count => {
    const { next } = createSeededRandom(11 + count)
    const held = coverage(2000, () => {
      const { low, high } = meanInterval(Array.from({ length: count }, () => rounded(next)))
      return low <= 2 && 2 <= high
    })
    expect(Math.abs(held - 0.95)).toBeLessThan(0.02)
  })

  const pairsOf = (next: () => number, count: number, shared: number) =>
    Array.from({ length: count }, () => {
      // A slow moment slows both.
      const moment = 1 + shared * next()
      return { one: moment * (0.95 + 0.1 * next()), other: 1.01 * moment * (0.95 + 0.1 * next()) }
    })

  it.each([
    ['of sums', ratioOf],
    ['of what is usual', usualRatioOf],
  ] as const)('of a ratio %s holds the truth about as often as it says', (_, ratio) => {
    const { next } = createSeededRandom(12)
    const held = coverage(120, () => {
      const { low, high } = pairsInterval([pairsOf(next, 100, 0.2), pairsOf(next, 20, 0.2)], ratio, next, 120)
      return low <= 1 / 1.01 && 1 / 1.01 <= high
    })
    expect(held).toBeGreaterThan(0.87)
    expect(held).toBeLessThan(0.995)
  })

  it('is not widened by what both of a pair share, and that of what is usual not by what strikes one of a pair now and then', () => {
    const { next } = createSeededRandom(16)
    const width = (pairs: ReturnType<typeof pairsOf>, ratio: typeof ratioOf) => {
      const { low, high } = pairsInterval([pairs], ratio, next, 300)
      return high - low
    }
    expect(width(pairsOf(next, 2000, 3), ratioOf) / width(pairsOf(next, 2000, 0), ratioOf)).toBeLessThan(1.4)
    const struck = pairsOf(next, 2000, 0).map(({ one, other }) => ({
      one: next() < 0.03 ? one * 5 : one,
      other: next() < 0.03 ? other * 5 : other,
    }))
    expect(width(struck, usualRatioOf)).toBeLessThan(width(struck, ratioOf) / 4)
    expect(Math.abs(usualRatioOf([struck]) - 1 / 1.01)).toBeLessThan(0.003)
    // Kinds count by how many there are of each.
    const [many, few] = [new Array(99).fill({ one: 1, other: 1 }), [{ one: 1, other: 101 }]]
    expect(usualRatioOf([many, few])).toBeCloseTo(0.5)
    expect(ratioOf([many, few])).toBeCloseTo(0.5)
  })
})

describe('first cheated steps of a batch', () => {
  const share = 0.1

  it('fall, over many batches, as coins do', () => {
    const { next } = createSeededRandom(13)
    const batches = 4000
    const count = 20
    const seen = new Array<number>(12).fill(0)
    for (let batch = 0; batch < batches; batch++)
      for (const step of firstCheatedSteps(share, count, next)) if (step < seen.length) seen[step]! += 1
    for (const [step, times] of seen.entries()) {
      const expected = (1 - share) ** step * share
      expect(Math.abs(times / (batches * count) / expected - 1)).toBeLessThan(0.05)
    }
    expect(firstCheatedSteps(1, 3, next)).toEqual([0, 0, 0])
  })

  it('give the mean that coins give, from far fewer answers', () => {
    const { next } = createSeededRandom(14)
    // What is caught where the first bad step is the k-th: any falling function does.
    const caught = (step: number) => 0.61 / (1 + step)
    const meanOf = (steps: readonly number[]) => steps.reduce((sum, step) => sum + caught(step), 0) / steps.length
    const batches = (make: () => number[]) => Array.from({ length: 600 }, () => meanOf(make()))
    const parts = batches(() => firstCheatedSteps(share, 20, next))
    const coins = batches(() =>
      Array.from({ length: 20 }, () => {
        let step = 0
        while (next() >= share) step += 1
        return step
      }),
    )
    const spread = (values: readonly number[]) => meanInterval(values).high - meanInterval(values).low
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
    expect(spread(parts)).toBeLessThan(spread(coins) / 4)
    expect(Math.abs(mean(parts) - mean(coins))).toBeLessThan(2 * spread(coins))
  })
})

describe('draws over an answer', () => {
  it('catch where the first bad position lies before the end, and never an honest one', () => {
    expect(caughtShare({ firstBad: 8, ends: [0, 8, 9, 64] })).toBe(0.5)
    expect(caughtShare({ firstBad: null, ends: [0, 8, 9, 64] })).toBe(0)
  })

  it('take as many requests as their chance says', () => {
    const { next } = createSeededRandom(5)
    const answers = [
      { firstBad: 0, ends: [0, 1, 1, 1] },
      { firstBad: null, ends: [9, 9, 9, 9] },
    ]
    const runs = Array.from({ length: 20_000 }, () => requestsUntilCaught(answers, 6, next))
    const within = runs.filter(requests => requests <= 6).length / runs.length
    expect(within).toBeCloseTo(withinRequests(3 / 8, 6), 2)
    expect(Math.max(...runs)).toBe(7)
  })
})

it('ends that stand for all have their mean', () => {
  const { next } = createSeededRandom(15)
  const ends = Array.from({ length: 5000 }, () => 1 + Math.floor(next() ** 3 * 600))
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  expect(Math.abs(mean(middlesOf(ends, 24)) / mean(ends) - 1)).toBeLessThan(0.02)
  expect(middlesOf([3, 1, 2], 3)).toEqual([1, 2, 3])
})

it('the formula’s own chance for the longer requests leaves the reach room: more answers can prove it', () => {
  const cheating = { share: 0.1, pattern: 'scattered' } as const
  for (const shape of [
    { promptTokens: 400, answerTokens: 250, chunk: 64 },
    { promptTokens: 1500, answerTokens: 300, chunk: 128 },
  ])
    expect(catchChanceWithin({ policy: defaultCheckPolicy, cheating, shapes: [shape] }, 50)).toBeGreaterThan(0.993)
})
