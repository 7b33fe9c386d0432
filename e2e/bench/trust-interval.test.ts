import { defaultCheckPolicy, positionsPerCheck } from '@computepool/shared/audit'
import { createSeededRandom } from '@computepool/shared/testing'
import { describe, expect, it } from 'vitest'
import {
  caughtShare,
  clusterInterval,
  endQuantiles,
  judgeReach,
  requestsUntilCaught,
  withinRequests,
} from './trust-interval.ts'

describe('a reach', () => {
  it('is called reached only where the whole interval lies on the good side', () => {
    expect(judgeReach({ low: 0.99, high: 0.999 }, 0.99)).toBe('reached')
    expect(judgeReach({ low: 0.989, high: 0.999 }, 0.99)).toBe('not shown')
    expect(judgeReach({ low: 0.5, high: 0.99 }, 0.99)).toBe('not shown')
    expect(judgeReach({ low: 0.5, high: 0.989 }, 0.99)).toBe('not reached')
  })

  it('of five requests at the default rate is what the rate was chosen for', () => {
    expect(withinRequests(0.61, 5)).toBeGreaterThan(0.99)
    expect(withinRequests(0.6, 5)).toBeLessThan(0.99)
  })
})

describe('an interval over answers', () => {
  const intervalOf = (clusters: readonly number[]) => clusterInterval(clusters, { next: createSeededRandom(3).next })

  it('holds the true mean about as often as it says', () => {
    const random = createSeededRandom(11)
    let held = 0
    for (let trial = 0; trial < 200; trial++) {
      const clusters = Array.from({ length: 60 }, () => (random.next() < 0.3 ? 1 : 0))
      const { low, high } = clusterInterval(clusters, { next: random.next, resamples: 300 })
      held += low <= 0.3 && 0.3 <= high ? 1 : 0
    }
    expect(held).toBeGreaterThan(176)
    expect(held).toBeLessThan(200)
  })

  it('is narrowed by more answers, by the root of their number, and not by more draws of the same ones', () => {
    const width = (clusters: readonly number[]) => intervalOf(clusters).high - intervalOf(clusters).low
    const few = [0, 1, 0, 1, 0, 1, 0, 1]
    const many = Array.from({ length: 32 }, () => few).flat()
    expect(Math.abs(width(few) / width(many) / Math.sqrt(32) - 1)).toBeLessThan(0.25)
    const drawn = (draws: number) => few.map(bad => caughtShare({ firstBad: bad, ends: new Array(draws).fill(1) }))
    expect(width(drawn(500))).toBe(width(drawn(5)))
    expect(intervalOf([0.4, 0.4, 0.4])).toEqual({ low: expect.closeTo(0.4), high: expect.closeTo(0.4) })
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
  for (const [promptTokens, answerTokens] of [
    [60, 150],
    [400, 250],
    [1500, 300],
  ] as const) {
    const ends = endQuantiles(defaultCheckPolicy, promptTokens + answerTokens - 1, 24)
    expect(ends).toHaveLength(24)
    const mean = ends.reduce((sum, end) => sum + end, 0) / ends.length
    const exact = positionsPerCheck(defaultCheckPolicy, { promptTokens, answerTokens, chunk: 16 })
    expect(Math.abs(mean / exact - 1)).toBeLessThan(0.03)
  }
})
