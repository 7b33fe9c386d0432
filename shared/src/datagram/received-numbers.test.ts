import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createReceivedNumbers } from './index.ts'

describe('received numbers', () => {
  it('are the same as a set of them, while the ranges are few', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60), { maxLength: 100 }), numbers => {
        const received = createReceivedNumbers(100)
        const seen = new Set<number>()
        for (const number of numbers) {
          expect(received.add(number)).toBe(!seen.has(number))
          seen.add(number)
        }
        for (let number = 0; number <= 61; number += 1) expect(received.has(number)).toBe(seen.has(number))
        expect(received.largest).toBe(Math.max(-1, ...seen))
        const told = received
          .ranges(100)
          .flatMap(({ start, end }) => [...Array(end - start).keys()].map(at => start + at))
        expect(told.sort((one, other) => one - other)).toEqual([...seen].sort((one, other) => one - other))
        expect(received.rangeCount).toBe([...seen].filter(number => !seen.has(number + 1)).length)
      }),
    )
  })

  it('tell the latest ranges first, apart from one another', () => {
    const received = createReceivedNumbers(10)
    for (const number of [1, 2, 5, 9, 6]) received.add(number)
    expect(received.ranges(2)).toEqual([
      { start: 9, end: 10 },
      { start: 5, end: 7 },
    ])
  })

  it('forget the lowest when the ranges get too many, and take nothing below it any more', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(500), { maxLength: 200 }), numbers => {
        const received = createReceivedNumbers(4)
        const seen = new Set<number>()
        for (const number of numbers) {
          if (received.add(number)) expect(seen.has(number)).toBe(false)
          seen.add(number)
          expect(received.rangeCount).toBeLessThanOrEqual(4)
        }
        for (const number of seen) expect(received.has(number)).toBe(true)
      }),
    )
    const received = createReceivedNumbers(2)
    for (const number of [2, 4, 6]) received.add(number)
    expect(received.add(1)).toBe(false)
    expect(received.add(3)).toBe(true)
  })
})
