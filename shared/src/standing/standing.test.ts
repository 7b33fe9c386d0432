import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  applyStanding,
  barredForMs,
  changeStanding,
  checkRateOf,
  fade,
  halfLifeMs,
  isBarred,
  mayHoldText,
  newStanding,
  type Standing,
  type StandingEvent,
  weightOf,
} from './index.ts'

const dayMs = 86_400_000
const leastRate = 0.61

function after(events: readonly StandingEvent[], start = newStanding(0)): Standing {
  return events.reduce(applyStanding, start)
}
const checks = (count: number, atMs = 0): StandingEvent[] =>
  Array.from({ length: count }, () => ({ type: 'checked', atMs }))

describe('an operator’s standing', () => {
  test('begins low, and grows by checks that agree; time served alone earns nothing', () => {
    const fresh = newStanding(0)
    expect(weightOf(fresh)).toBeCloseTo(0.1)
    expect(weightOf(after([{ type: 'served', seconds: 1e9, atMs: 0 }]))).toBe(weightOf(fresh))
    expect(weightOf(after(checks(20)))).toBeCloseTo(0.55)
    expect(weightOf(after(checks(500)))).toBeGreaterThan(0.95)
  })

  test('a failure takes all of it, and it comes back as the failure fades', () => {
    const failed = after([...checks(200), { type: 'failed', what: 'wrong-output', atMs: 0 }])
    expect(weightOf(failed)).toBe(0)
    expect(checkRateOf(failed, leastRate)).toBe(1)
    const later = fade(failed, halfLifeMs.failed)
    expect(weightOf(later)).toBeGreaterThan(0)
    // Who goes on well is as good as new after a year.
    const recovered = after(checks(200, 365 * dayMs), failed)
    expect(weightOf(recovered)).toBeGreaterThan(0.85)
    expect(checkRateOf(recovered, leastRate)).toBeLessThan(0.7)
  })

  test('trust that nobody refreshes fades back to a newcomer’s', () => {
    const old = fade(after(checks(300)), 400 * dayMs)
    expect(weightOf(old)).toBeLessThan(0.13)
  })

  test('fading in two steps is fading in one, and a clock that steps back gives nothing back', () => {
    const record = after([...checks(7), { type: 'left-early', atMs: 0 }])
    const once = fade(record, 50 * dayMs)
    const twice = fade(fade(record, 13 * dayMs), 50 * dayMs)
    expect(twice.checked).toBeCloseTo(once.checked, 9)
    expect(twice.leftEarly).toBeCloseTo(once.leftEarly, 9)
    expect(fade(once, 0)).toEqual(once)
  })

  test('text goes to staked operators of good standing alone', () => {
    const good = after(checks(25))
    expect(mayHoldText(good, true)).toBe(true)
    expect(mayHoldText(good, false)).toBe(false)
    expect(mayHoldText(newStanding(0), true)).toBe(false)
    const failed = after([{ type: 'failed', what: 'withheld', atMs: 0 }], good)
    expect(mayHoldText(failed, true)).toBe(false)
  })

  test('bars for a time that its kind decides, and no longer', () => {
    const days = (...kinds: Array<Extract<StandingEvent, { type: 'failed' }>['what']>) =>
      barredForMs(after(kinds.map(what => ({ type: 'failed', what, atMs: 0 })))) / dayMs
    expect([days(), days('withheld'), days('wrong-output')].map(Math.round)).toEqual([0, 16, 60])
    expect(days('wrong-output', 'false-witness')).toBeCloseTo(120)
    const failed = after([...checks(50), { type: 'failed', what: 'withheld', atMs: 0 }])
    const free = barredForMs(failed)
    expect([weightOf(fade(failed, free - dayMs)), isBarred(fade(failed, free + 1))]).toEqual([0, false])
  })

  test('leaving early bars nobody, however often', () => {
    const leaver = after(Array.from({ length: 1000 }, () => ({ type: 'left-early', atMs: 0 })))
    expect(weightOf(leaver)).toBeGreaterThan(0)
    expect(weightOf(fade(leaver, 365 * dayMs))).toBeCloseTo(0.1)
  })

  test('a change tells what its event did, not what faded before it', () => {
    const old = after([...checks(20), { type: 'left-early', atMs: 0 }])
    const { change } = changeStanding(old, { type: 'checked', atMs: 90 * dayMs })
    expect(change.weightBefore).toBe(weightOf(fade(old, 90 * dayMs)))
    expect(change.weightAfter).toBeGreaterThan(change.weightBefore)
  })

  test('tells the reason for every change', () => {
    const told = (event: StandingEvent, from = after(checks(20))) => changeStanding(from, event).change.reason
    expect([
      told({ type: 'checked', atMs: 0 }),
      told({ type: 'served', seconds: 61, atMs: 0 }),
      told({ type: 'left-early', atMs: 0 }),
      told({ type: 'failed', what: 'wrong-output', atMs: 0 }),
    ]).toMatchInlineSnapshot(`
      [
        "A check computed your layers again and agreed. Your weight went from 0.55 to 0.56.",
        "You served for 61 s with whole receipts. Your weight stays 0.55. Weight comes from checks, not from time.",
        "You left a seat while an answer ran through it. Your weight went from 0.55 to 0.46.",
        "A check computed your layers again and got something else. Your weight is 0: you get no work for 60 days, and less for a while.",
      ]
    `)
  })
})

/** One operator's good record and capacity, and a way to split both among up to eight identities, some of which may be brand new. */
const split = fc.record({
  checked: fc.double({ min: 0, max: 2000, noNaN: true }),
  served: fc.double({ min: 0, max: 1e6, noNaN: true }),
  capacity: fc.double({ min: 0.01, max: 1000, noNaN: true }),
  cuts: fc.array(fc.tuple(fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 0, max: 1000 })), {
    minLength: 1,
    maxLength: 8,
  }),
})

const events = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant('checked' as const), atMs: fc.integer({ min: 0, max: 400 * dayMs }) }),
    fc.record({ type: fc.constant('left-early' as const), atMs: fc.integer({ min: 0, max: 400 * dayMs }) }),
    fc.record({
      type: fc.constant('served' as const),
      seconds: fc.double({ min: 0, max: 1e6, noNaN: true }),
      atMs: fc.integer({ min: 0, max: 400 * dayMs }),
    }),
    fc.record({
      type: fc.constant('failed' as const),
      what: fc.constantFrom('wrong-output' as const, 'withheld' as const, 'false-witness' as const),
      atMs: fc.integer({ min: 0, max: 400 * dayMs }),
    }),
  ),
  { maxLength: 40 },
)

describe('any record', () => {
  test('keeps its weight within 0 and 1; only checks raise it, only failures and leaving lower it', () => {
    fc.assert(
      fc.property(events, list => {
        let standing = newStanding(0)
        for (const event of list) {
          const { standing: next, change } = changeStanding(standing, event)
          expect(change.weightAfter).toBe(weightOf(next))
          for (const weight of [change.weightBefore, change.weightAfter]) {
            expect(weight >= 0 && weight <= 1).toBe(true)
          }
          const rises = change.weightAfter - change.weightBefore
          if (event.type === 'checked') expect(rises).toBeGreaterThanOrEqual(0)
          if (event.type === 'served') expect(rises).toBeCloseTo(0, 12)
          if (event.type === 'failed' || event.type === 'left-early') expect(rises).toBeLessThanOrEqual(0)
          standing = next
        }
      }),
    )
  })

  test('decays to a newcomer’s, from above and from below', () => {
    fc.assert(
      fc.property(events, list => {
        const forgotten = fade(after(list), 6000 * dayMs)
        expect(weightOf(forgotten)).toBeCloseTo(weightOf(newStanding(0)), 3)
        expect(checkRateOf(forgotten, leastRate)).toBeGreaterThan(0.99)
      }),
    )
  })

  test('recovers by checks, whatever it did before', () => {
    fc.assert(
      fc.property(events, list => {
        const bad = after(list)
        const free = fade(bad, bad.asOfMs + barredForMs(bad) + 365 * dayMs)
        const good = after(checks(400, free.asOfMs), free)
        expect(weightOf(good)).toBeGreaterThan(0.9)
      }),
    )
  })
})

describe('numbers gain nothing', () => {
  test('an operator split into several weighs no more for all it can do', () => {
    fc.assert(
      fc.property(split, ({ checked, served, capacity, cuts }) => {
        const worth = (size: number, seen: number, seconds: number): number =>
          size * weightOf({ ...newStanding(0), checked: seen, served: seconds })
        const parts = shares(cuts.map(([, size]) => size))
        const records = shares(cuts.map(([seen]) => seen))
        const many = cuts.map((_, i) => worth(capacity * parts[i]!, checked * records[i]!, served * records[i]!))
        const together = many.reduce((sum, part) => sum + part, 0)
        expect(together).toBeLessThanOrEqual(worth(capacity, checked, served) + 1e-9)
      }),
      { numRuns: 500 },
    )
  })

  test('nor does it skip more checks over the same requests', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 8 }), counts => {
        const total = counts.reduce((sum, count) => sum + count, 0)
        const together = counts.reduce((sum, count) => sum + expectedSkipped(count), 0)
        expect(together).toBeLessThanOrEqual(expectedSkipped(total) + 1e-9)
      }),
      { numRuns: 100 },
    )
  })

  test('nor can a cheat dodge what it was caught at by a new name and be better off than any newcomer', () => {
    const caught = after([...checks(500), { type: 'failed', what: 'wrong-output', atMs: 0 }])
    const anew = newStanding(0)
    expect(weightOf(anew)).toBeLessThanOrEqual(0.1)
    expect(weightOf(caught)).toBeLessThan(weightOf(anew))
    expect(checkRateOf(anew, leastRate)).toBe(1)
  })
})

function shares(sizes: readonly number[]): number[] {
  const total = sizes.reduce((sum, size) => sum + size, 0)
  return sizes.map(size => (total === 0 ? 1 / sizes.length : size / total))
}

/** Requests of one identity that nobody looks at, in the mean, when it begins as new. */
function expectedSkipped(requests: number): number {
  let record = newStanding(0)
  let skipped = 0
  for (let i = 0; i < requests; i++) {
    const rate = checkRateOf(record, leastRate)
    skipped += 1 - rate
    record = { ...record, checked: record.checked + rate }
  }
  return skipped
}
