/** The demo's sums: shares that never lose a unit, and a sentence for every unit that is missing. */
import { atomicToWei } from '@computepool/shared/money'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { shareByLargestRemainder, whatDoesNotAddUp } from './add-up-money.ts'

describe('shareByLargestRemainder', () => {
  it('gives what is left over to the largest remainders', () => {
    expect(shareByLargestRemainder(10n, [1n, 1n, 1n])).toEqual([4n, 3n, 3n])
    expect(shareByLargestRemainder(10n, [1n, 2n, 2n])).toEqual([2n, 4n, 4n])
    expect(shareByLargestRemainder(2n, [4n, 5n, 6n])).toEqual([0n, 1n, 1n])
    expect(shareByLargestRemainder(7n, [0n, 0n])).toEqual([0n, 0n])
  })

  it('loses no unit, and gives nobody more than the next whole unit', () => {
    const weights = fc.array(fc.bigInt({ min: 0n, max: 10n ** 24n }), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 15n }), weights, (total, parts) => {
        const all = parts.reduce((sum, part) => sum + part, 0n)
        fc.pre(all > 0n)
        const shares = shareByLargestRemainder(total, parts)
        expect(shares.reduce((sum, share) => sum + share, 0n)).toBe(total)
        for (const [at, share] of shares.entries()) {
          const floor = (total * parts[at]!) / all
          expect(share - floor === 0n || share - floor === 1n).toBe(true)
        }
      }),
    )
  })
})

describe('whatDoesNotAddUp', () => {
  const right = {
    capAtomic: 100n,
    paidAtomic: 40n,
    refundedAtomic: 60n,
    earnedWei: [atomicToWei(30n), atomicToWei(10n) - 5n],
    advancedWei: 0n,
    owedWei: 5n,
  }
  it('is content with dust that is owed, and with what the reserve advanced', () => {
    expect(whatDoesNotAddUp(right)).toBe(null)
    const advanced = { ...right, earnedWei: [atomicToWei(45n)], advancedWei: atomicToWei(5n), owedWei: 0n }
    expect(whatDoesNotAddUp(advanced)).toBe(null)
  })

  it('names the difference', () => {
    expect(whatDoesNotAddUp({ ...right, refundedAtomic: 61n })).toMatch(/refunded 61 do not make up the cap of 100/)
    expect(whatDoesNotAddUp({ ...right, earnedWei: [atomicToWei(40n)] })).toMatch(/, 5 away from what was paid/)
  })
})
