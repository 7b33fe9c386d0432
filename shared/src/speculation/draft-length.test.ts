import { describe, expect, it } from 'vitest'
import { createSeededRandom } from '../../testing/seeded-random.ts'
import { type Acceptance, expectedTokens, noAcceptance, observeGuess } from './acceptance.ts'
import { draftLength } from './draft-length.ts'
import { type LapCosts, noLapCosts, observeLap } from './lap-costs.ts'

interface World {
  /** Share of guesses that come true, by match. */
  readonly cameTrue: (match: number) => number
  readonly lapMs: (length: number) => number
  readonly laps?: number
  readonly seed?: number
  /** A plain lap that every other lap is compared with; the same as `lapMs(0)` unless told. */
  readonly match?: number
}

/** Lets the chooser work for some laps on guesses that come true by chance; what it chose, and how much it won. */
function live({ cameTrue, lapMs, laps = 600, seed = 1, match = 8 }: World) {
  const random = createSeededRandom(seed)
  let acceptance: Acceptance = noAcceptance
  let costs: LapCosts = noLapCosts
  const chosen: number[] = []
  let tokens = 0
  let spentMs = 0
  for (let lap = 0; lap < laps; lap++) {
    const length = draftLength({ acceptance, costs, match, limit: 16, requests: 1, seats: 2 })
    chosen.push(length)
    let right = 0
    // Without a draft the drawn token still tells whether the guess was right.
    while (right < Math.max(1, length) && random.next() < cameTrue(match + right)) right += 1
    const isBroken = right < Math.max(1, length)
    acceptance = observeGuess(acceptance, { match, cameTrue: right, isBroken })
    costs = observeLap(costs, { length, lapMs: lapMs(length), computeMs: lapMs(0) * 0.2, queueMs: 0 })
    tokens += 1 + Math.min(right, length)
    spentMs += lapMs(length)
  }
  return { chosen, gain: (tokens / spentMs) * lapMs(0) }
}

const shareOf = (chosen: readonly number[], length: number): number =>
  chosen.filter(one => one === length).length / chosen.length

describe('draftLength', () => {
  it('drafts the longest where the text copies and rows are cheap', () => {
    const { chosen, gain } = live({ cameTrue: () => 0.97, lapMs: length => 100 + length })
    expect(shareOf(chosen.slice(50), 16)).toBeGreaterThan(0.95)
    expect(gain).toBeGreaterThan(8)
  })

  it('starts with none, then climbs length by length', () => {
    const { chosen } = live({ cameTrue: () => 1, lapMs: length => 100 + length, laps: 8 })
    expect(chosen).toEqual([0, 2, 4, 8, 16, 16, 16, 16])
  })

  it('goes to none by itself where guesses fail, and loses next to nothing', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { chosen, gain } = live({ cameTrue: () => 0.05, lapMs: length => 100 + 12 * length, seed })
      expect(shareOf(chosen, 0), `seed ${seed}`).toBeGreaterThan(0.9)
      expect(gain, `seed ${seed}`).toBeGreaterThan(0.98)
    }
  })

  it('goes to none where every row costs a whole step, and seldom tries again', () => {
    const { chosen, gain } = live({ cameTrue: () => 0.8, lapMs: length => 20 + 20 * length, laps: 3000 })
    expect(shareOf(chosen, 0)).toBeGreaterThan(0.9)
    expect(chosen.slice(500).some(length => length > 0)).toBe(true)
    expect(gain).toBeGreaterThan(0.97)
  })

  it('finds a middle length where rows cost and guesses sometimes fail', () => {
    const world = { cameTrue: () => 0.8, lapMs: (length: number) => 60 + 6 * length, laps: 2000 }
    const { chosen, gain } = live(world)
    const gains = [0, 2, 4, 8, 16].map(length => ((1 - 0.8 ** (length + 1)) / 0.2 / world.lapMs(length)) * 60)
    expect(gain).toBeGreaterThan(0.93 * Math.max(...gains))
    expect(shareOf(chosen, 4) + shareOf(chosen, 8)).toBeGreaterThan(0.9)
  })

  it('comes back when what was slow turns quick', () => {
    let isSlow = true
    let laps = 0
    const { chosen } = live({
      cameTrue: () => 0.9,
      lapMs: length => {
        laps += 1
        if (laps > 900) isSlow = false
        return 50 + length * (isSlow ? 60 : 1)
      },
      laps: 2000,
    })
    expect(shareOf(chosen.slice(100, 280), 0)).toBeGreaterThan(0.9)
    expect(shareOf(chosen.slice(-300), 16)).toBeGreaterThan(0.9)
  })

  it('is not put off by one slow lap that compiled kernels', () => {
    const first = new Set<number>()
    const { chosen } = live({
      cameTrue: () => 0.95,
      lapMs: length => {
        if (first.has(length)) return 50 + length
        first.add(length)
        return 900
      },
      laps: 100,
    })
    expect(shareOf(chosen.slice(10), 16)).toBeGreaterThan(0.95)
  })

  it('drafts less where other requests wait behind its rows', () => {
    let costs = noLapCosts
    for (const length of [0, 0, 2, 2, 4, 4, 8, 8, 16, 16])
      costs = observeLap(costs, { length, lapMs: 60 + 6 * length, computeMs: 10, queueMs: 0 })
    let acceptance = noAcceptance
    for (let i = 0; i < 40; i++) acceptance = observeGuess(acceptance, { match: 8, cameTrue: 4, isBroken: true })
    const with_ = (requests: number) => draftLength({ acceptance, costs, match: 8, limit: 16, requests, seats: 2 })
    expect(with_(1)).toBeGreaterThan(with_(20))
    expect(with_(1000)).toBe(0)
  })

  it('keeps to the limit, in its few lengths', () => {
    let costs = noLapCosts
    for (const length of [0, 0, 2, 4, 8, 16, 16])
      costs = observeLap(costs, { length, lapMs: 60, computeMs: 10, queueMs: 0 })
    const upTo = (limit: number) =>
      draftLength({ acceptance: noAcceptance, costs, match: 16, limit, requests: 1, seats: 2 })
    expect([0, 1, 2, 3, 7, 15, 16, 40].map(upTo)).toEqual([0, 0, 2, 2, 4, 8, 16, 16])
  })
})

describe('expectedTokens', () => {
  it('is the sum of what survives, token by token', () => {
    let acceptance = noAcceptance
    for (let i = 0; i < 400; i++)
      acceptance = observeGuess(acceptance, { match: 16, cameTrue: i % 2, isBroken: i % 2 === 0 })
    // Half of the guesses come true: 1 + 1/2 + 1/4 + 1/8 + 1/16.
    expect(expectedTokens(acceptance, 16, 4)).toBeCloseTo(1.9375, 0)
    expect(expectedTokens(acceptance, 16, 0)).toBe(1)
  })

  it('falls for matches that were never seen where others failed, and rises where they came true', () => {
    const after = (cameTrue: number) => {
      let acceptance = noAcceptance
      for (let i = 0; i < 5; i++)
        acceptance = observeGuess(acceptance, { match: 3, cameTrue, isBroken: cameTrue === 0 })
      return expectedTokens(acceptance, 12, 2)
    }
    const unseen = expectedTokens(noAcceptance, 12, 2)
    expect(after(0)).toBeLessThan(unseen - 0.3)
    expect(after(1)).toBeGreaterThan(unseen + 0.1)
  })

  it('learns short and long matches apart', () => {
    let acceptance = noAcceptance
    for (let i = 0; i < 60; i++) {
      acceptance = observeGuess(acceptance, { match: 2, cameTrue: 0, isBroken: true })
      acceptance = observeGuess(acceptance, { match: 12, cameTrue: 6, isBroken: false })
    }
    expect(expectedTokens(acceptance, 2, 8)).toBeLessThan(1.1)
    expect(expectedTokens(acceptance, 12, 8)).toBeGreaterThan(7)
  })
})
