import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mostMembers, type WorkSeat, workUnits } from './work-units.ts'

const wallet = (at: number): string => `0x${at.toString(16).padStart(40, '0')}`

const seat = fc.record({
  operator: fc.integer({ min: 1, max: 40 }).map(wallet),
  layers: fc.integer({ min: 1, max: 100 }),
  msPerLayer: fc.double({ min: 0.01, max: 5000, noNaN: true }),
})
const seats = fc.array(seat, { minLength: 1, maxLength: 64 })

describe('workUnits', () => {
  it.each<[string, WorkSeat[], Record<string, number>]>([
    ['one operator has all', [{ operator: wallet(1), layers: 3, msPerLayer: 9 }], { [wallet(1)]: 1000 }],
    [
      'equal speed shares by layers',
      [
        { operator: wallet(1), layers: 3, msPerLayer: 10 },
        { operator: wallet(2), layers: 1, msPerLayer: 10 },
      ],
      { [wallet(1)]: 750, [wallet(2)]: 250 },
    ],
    [
      'twice as fast earns up to twice as much, and no more',
      [
        { operator: wallet(1), layers: 4, msPerLayer: 10 },
        { operator: wallet(2), layers: 4, msPerLayer: 1 },
        { operator: wallet(3), layers: 4, msPerLayer: 10 },
      ],
      { [wallet(1)]: 250, [wallet(2)]: 500, [wallet(3)]: 250 },
    ],
    [
      'one wallet with two seats has their sum',
      [
        { operator: wallet(1), layers: 1, msPerLayer: 10 },
        { operator: wallet(1).toUpperCase().replace('0X', '0x'), layers: 2, msPerLayer: 10 },
        { operator: wallet(2), layers: 1, msPerLayer: 10 },
      ],
      { [wallet(1)]: 750, [wallet(2)]: 250 },
    ],
    [
      'whoever holds anything earns something',
      [
        { operator: wallet(1), layers: 9000, msPerLayer: 10 },
        { operator: wallet(2), layers: 1, msPerLayer: 10 },
      ],
      { [wallet(1)]: 1000, [wallet(2)]: 1 },
    ],
  ])('%s', (_name, given, expected) => {
    expect(Object.fromEntries(workUnits(given).map(({ member, units }) => [member, units]))).toEqual(expected)
  })

  it('gives every wallet something, about 1,000 in all, whatever the order of the seats', () => {
    fc.assert(
      fc.property(seats, fc.infiniteStream(fc.nat()), (given, order) => {
        const found = workUnits(given)
        const shuffled = given
          .map(value => ({ value, key: order.next().value }))
          .sort((a, b) => a.key - b.key)
          .map(({ value }) => value)
        expect(workUnits(shuffled)).toEqual(found)
        expect(found.length).toBe(Math.min(mostMembers, new Set(given.map(({ operator }) => operator)).size))
        for (const { units } of found) expect(units).toBeGreaterThanOrEqual(1)
        const total = found.reduce((sum, { units }) => sum + units, 0)
        expect(Math.abs(total - 1000)).toBeLessThanOrEqual(found.length)
      }),
    )
  })

  it('never gives less for more layers or for more speed', () => {
    fc.assert(
      fc.property(seats, fc.nat(63), (given, pick) => {
        const at = pick % given.length
        const { operator } = given[at]!
        const unitsOf = (list: readonly WorkSeat[]) =>
          workUnits(list).find(({ member }) => member === operator)?.units ?? 0
        const more = given.map((each, index) => (index === at ? { ...each, layers: each.layers + 1 } : each))
        expect(unitsOf(more)).toBeGreaterThanOrEqual(unitsOf(given))
      }),
    )
  })

  it.each([
    [{ operator: '0x12', layers: 1, msPerLayer: 1 }],
    [{ operator: wallet(1), layers: 0, msPerLayer: 1 }],
    [{ operator: wallet(1), layers: 1.5, msPerLayer: 1 }],
    [{ operator: wallet(1), layers: 1, msPerLayer: 0 }],
    [{ operator: wallet(1), layers: 1, msPerLayer: Number.NaN }],
  ])('refuses %o', given => {
    expect(() => workUnits([given])).toThrow(expect.objectContaining({ code: 'input_invalid' }))
  })
})
