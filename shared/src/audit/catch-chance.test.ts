import { describe, expect, test } from 'vitest'
import { createSeededRandom, type SeededRandom } from '../../testing/seeded-random.ts'
import {
  type Cheating,
  type CheckPolicy,
  catchChanceWithin,
  defaultCheckPolicy,
  defaultReaches,
  endChances,
  extraCompute,
  isReached,
  leastDecodeRatio,
  leastRate,
  planChecks,
  policyUnmeasured,
  positionsOf,
  positionsPerCheck,
  type RequestShape,
  stepsBefore,
} from './index.ts'
import { leastFloorRows } from './loose-floor.ts'

/** What people ask: a question, a conversation's later turn, a document. */
const shapes: RequestShape[] = [
  { promptTokens: 60, answerTokens: 150, chunk: 16, weight: 3 },
  { promptTokens: 400, answerTokens: 250, chunk: 64, weight: 2 },
  { promptTokens: 1500, answerTokens: 300, chunk: 128, weight: 1 },
]

/** Steps of a request as [first position], and which of them are cheated on. */
function cheatedStarts(shape: RequestShape, cheating: Cheating, random: SeededRandom): number[] {
  const starts: number[] = []
  for (let at = 0; at < shape.promptTokens; at += shape.chunk) starts.push(at)
  for (let at = shape.promptTokens; at < positionsOf(shape); at++) starts.push(at)
  if (cheating.pattern === 'scattered') return starts.filter(() => random.next() < cheating.share)
  if (cheating.pattern === 'requests') return random.next() < cheating.share ? starts : []
  return starts.slice(-Math.max(1, Math.round(cheating.share * starts.length)))
}

/** Share of runs in which the real plan's checks meet a cheated row within `requests`. */
function simulate(policy: CheckPolicy, cheating: Cheating, requests: number, runs: number, seed: number): number {
  const random = createSeededRandom(seed)
  const kinds = shapes.flatMap(shape => new Array<RequestShape>(shape.weight ?? 1).fill(shape))
  let caught = 0
  for (let run = 0; run < runs; run++) {
    for (let request = 0; request < requests; request++) {
      const shape = kinds[random.int(kinds.length)]!
      const [check] = planChecks({
        secret: random.bytes(32),
        attempt: `${run}`,
        receiptHeads: [random.bytes(32)],
        keptPositions: 0,
        firstDraw: () => null,
        positions: positionsOf(shape),
        policies: [policy],
      })
      if (check === undefined) continue
      const cheated = cheatedStarts(shape, cheating, random)
      if (cheated.some(start => start < check.endPosition)) {
        caught += 1
        break
      }
    }
  }
  return caught / runs
}

const narrow: CheckPolicy = { rate: 0.3, window: 8, windowShare: 0.5, endShare: 0.2 }

describe('the formula agrees with real plans, drawn and met', () => {
  test.each([
    [defaultCheckPolicy, { share: 1, pattern: 'scattered' }, 1],
    [defaultCheckPolicy, { share: 1, pattern: 'scattered' }, 3],
    [defaultCheckPolicy, { share: 0.1, pattern: 'scattered' }, 1],
    [defaultCheckPolicy, { share: 0.1, pattern: 'scattered' }, 10],
    [defaultCheckPolicy, { share: 0.1, pattern: 'latest' }, 20],
    [defaultCheckPolicy, { share: 0.1, pattern: 'requests' }, 10],
    [narrow, { share: 0.02, pattern: 'scattered' }, 10],
    [narrow, { share: 0.1, pattern: 'latest' }, 5],
  ] as const)('%# %j %j within %i', (policy, cheating, requests) => {
    const expected = catchChanceWithin({ policy, cheating, shapes }, requests)
    const runs = 1500
    const found = simulate(policy, cheating, requests, runs, 77)
    // Four standard deviations of a share of so many runs.
    expect(Math.abs(found - expected)).toBeLessThan(4 * Math.sqrt((expected * (1 - expected)) / runs) + 1e-3)
  })

  test('steps before a position: prompt chunks, then one a position', () => {
    const shape = { promptTokens: 100, answerTokens: 10, chunk: 32 }
    expect([1, 32, 33, 100, 101, 109].map(end => stepsBefore(shape, end))).toEqual([1, 1, 2, 4, 5, 13])
  })
})

describe('what the defaults reach', () => {
  test('cheating on every step is out within 5 requests, on a tenth of them within 50, each at 0.99', () => {
    for (const reach of defaultReaches) expect(isReached(defaultCheckPolicy, reach, shapes)).toBe(true)
    const [every, tenth] = defaultReaches.map(reach => leastRate(defaultCheckPolicy, reach, shapes)!)
    // 1 - 0.01^(1/5): a rate of 0.6 falls short, at 0.98976.
    expect(every).toBeCloseTo(0.60189, 5)
    expect(tenth).toBeLessThan(every!)
    const atSixTenths = { policy: { ...defaultCheckPolicy, rate: 0.6 }, cheating: defaultReaches[0]!.cheating, shapes }
    expect(catchChanceWithin(atSixTenths, 5)).toBeCloseTo(0.98976, 5)
  })

  test('they hold for requests of each kind alone', () => {
    for (const shape of shapes)
      for (const reach of defaultReaches) expect(isReached(defaultCheckPolicy, reach, [shape])).toBe(true)
  })

  test('they do not hold for who cheats on whole requests, or only late; which the end’s share mends', () => {
    const within50 = (policy: CheckPolicy, pattern: Cheating['pattern']) =>
      catchChanceWithin({ policy, cheating: { share: 0.1, pattern }, shapes }, 50)
    expect(within50(defaultCheckPolicy, 'latest')).toBeLessThan(0.6)
    expect(within50(defaultCheckPolicy, 'requests')).toBeCloseTo(1 - (1 - 0.061) ** 50, 9)
    const toTheEnd = { ...defaultCheckPolicy, endShare: 1 / 8 }
    expect(within50(toTheEnd, 'latest')).toBeGreaterThan(0.98)
    const reach = { cheating: { share: 0.1, pattern: 'requests' }, requests: 50, confidence: 0.99 } as const
    expect(leastRate(defaultCheckPolicy, reach, shapes)).toBeCloseTo(0.88, 2)
  })

  test('what nobody can reach is told', () => {
    const reach = { cheating: { share: 0.01, pattern: 'requests' }, requests: 50, confidence: 0.99 } as const
    expect(leastRate(defaultCheckPolicy, reach, shapes)).toBeNull()
  })

  test('a rate that is least is enough, and a little less is not', () => {
    for (const reach of defaultReaches) {
      const rate = leastRate(defaultCheckPolicy, reach, shapes)!
      expect(isReached({ ...defaultCheckPolicy, rate: rate + 1e-9 }, reach, shapes)).toBe(true)
      expect(isReached({ ...defaultCheckPolicy, rate: rate - 1e-6 }, reach, shapes)).toBe(false)
    }
  })
})

describe('what checks cost', () => {
  test('the mean of what plans compute again is the formula’s', () => {
    const random = createSeededRandom(5)
    const shape = shapes[1]!
    let sum = 0
    const trials = 6000
    for (let trial = 0; trial < trials; trial++)
      for (const { endPosition } of planChecks({
        secret: random.bytes(32),
        attempt: 'a',
        receiptHeads: [random.bytes(32)],
        positions: positionsOf(shape),
        keptPositions: 0,
        firstDraw: () => null,
        policies: [defaultCheckPolicy],
      }))
        sum += endPosition
    const expected = defaultCheckPolicy.rate * positionsPerCheck(defaultCheckPolicy, shape)
    expect(Math.abs(sum / trials / expected - 1)).toBeLessThan(0.1)
  })

  test('the least ratio is where the budget is met', () => {
    for (const shape of shapes) {
      const ratio = leastDecodeRatio(defaultCheckPolicy, [shape], 0.02)
      expect(extraCompute(defaultCheckPolicy, [shape], ratio)).toBeLessThanOrEqual(0.02 + 1e-12)
      if (ratio > 0) expect(extraCompute(defaultCheckPolicy, [shape], ratio * 0.99)).toBeGreaterThan(0.02)
    }
    expect(leastDecodeRatio(defaultCheckPolicy, [{ promptTokens: 4000, answerTokens: 1, chunk: 64 }], 0.02)).toBe(
      Number.POSITIVE_INFINITY,
    )
  })

  // Each bound is 0.1 percentage points or less above the formula: at the ratios that were measured, a fiftieth is kept with room for heads.
  test.each([
    [shapes[0]!, 5.4, 0.0175],
    [shapes[1]!, 7.9, 0.0135],
    [shapes[2]!, 11.7, 0.0155],
  ])('checks of %o at a ratio of %d cost less than a fiftieth', (shape, ratio, bound) => {
    const extra = extraCompute(defaultCheckPolicy, [shape], ratio)
    expect(extra).toBeLessThan(bound)
    expect(extra).toBeGreaterThan(bound - 0.001)
  })

  test('a wider window costs most where requests are short, more checks that end anywhere where they are long; neither is needed for a reach', () => {
    const wide = { ...defaultCheckPolicy, window: 64 }
    const far = { ...defaultCheckPolicy, windowShare: 5 / 6 }
    const dearer = (policy: CheckPolicy, shape: RequestShape) =>
      extraCompute(policy, [shape], 10) / extraCompute(defaultCheckPolicy, [shape], 10)
    expect(dearer(wide, shapes[0]!)).toBeGreaterThan(1.6)
    expect(dearer(wide, shapes[2]!)).toBeLessThan(1.2)
    expect(dearer(far, shapes[0]!)).toBeLessThan(1.2)
    expect(dearer(far, shapes[2]!)).toBeGreaterThan(1.25)
    // A tenth of a share less, and long requests miss the second.
    const nearer = { ...defaultCheckPolicy, windowShare: 0.905 }
    expect(isReached(nearer, defaultReaches[1]!, [shapes[2]!])).toBe(false)
    expect(isReached({ ...defaultCheckPolicy, rate: 0.5 }, defaultReaches[0]!, shapes)).toBe(false)
  })

  test('who is honest within the window is met by the checks that end anywhere, as seldom as those are', () => {
    const [, , shape] = shapes
    const chances = endChances(defaultCheckPolicy, positionsOf(shape!))
    const beyond =
      defaultCheckPolicy.rate * chances.subarray(defaultCheckPolicy.window).reduce((sum, chance) => sum + chance, 0)
    expect(beyond).toBeCloseTo(0.61 / 8, 2)
    expect(1 - (1 - beyond) ** 50).toBeGreaterThan(0.975)
    expect(1 - (1 - beyond) ** 50).toBeLessThan(0.99)
  })

  test('checks of engines that nobody measured compare rows enough for the loose floor: who cheats on every step is out within 5', () => {
    const outWithin5 = (policy: CheckPolicy, shape: RequestShape): number => {
      const chances = endChances(policy, positionsOf(shape)).subarray(leastFloorRows - 1)
      const isEnough = chances.reduce((sum, chance) => sum + chance, 0)
      return 1 - (1 - policy.rate * isEnough) ** 5
    }
    const unmeasured = policyUnmeasured(defaultCheckPolicy)
    for (const shape of shapes) {
      expect(outWithin5(unmeasured, shape)).toBeGreaterThan(0.96)
      expect(outWithin5({ ...unmeasured, rate: 1 }, shape)).toBeGreaterThan(0.999)
      expect(outWithin5(defaultCheckPolicy, shape)).toBeLessThan(0.81)
      for (const reach of defaultReaches) expect(isReached(unmeasured, reach, [shape])).toBe(true)
    }
    // A policy that looks further than that stays as it is.
    const whole = { rate: 1, window: 100, windowShare: 0.5, endShare: 0.5 }
    expect(policyUnmeasured(whole)).toEqual(whole)
  })
})
