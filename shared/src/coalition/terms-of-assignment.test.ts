import { expect, it } from 'vitest'
import type { AssignmentTerms } from './terms-of-assignment.ts'
import { termsOfAssignment } from './terms-of-assignment.ts'

const wallet = (digit: string) => `0x${digit.repeat(40)}` as const
const seat = (digit: string, start: number, end: number, msPerLayer = 2) => ({
  operator: wallet(digit),
  layers: { start, end },
  msPerLayer,
})
const assignment: AssignmentTerms = {
  modelDigest: `0x${'ab'.repeat(32)}`,
  layers: 8,
  pool: wallet('8'),
  vault: wallet('9'),
  pricePerSecondAtomic: 1000n,
  stakeAtomic: 5_000_000n,
  proposalEndsAt: 1_000n,
  endsAt: 2_000n,
  salt: `0x${'01'.repeat(32)}`,
  seats: [seat('c', 0, 4), seat('b', 4, 6), seat('a', 6, 8)],
}
const partiesOf = (changes: Partial<AssignmentTerms>) => {
  const made = termsOfAssignment({ ...assignment, ...changes })
  return made.kind === 'terms' ? made.terms.parties : made.fault.code
}

it('makes each wallet’s layers its span, and its share of the layers its units', () => {
  expect(partiesOf({})).toEqual([
    { operator: wallet('c'), firstLayer: 0, endLayer: 4, units: 500 },
    { operator: wallet('b'), firstLayer: 4, endLayer: 6, units: 250 },
    { operator: wallet('a'), firstLayer: 6, endLayer: 8, units: 250 },
  ])
})

it('joins neighbouring seats of one wallet, however it is spelled', () => {
  const upper = { ...seat('b', 6, 8), operator: `0x${'B'.repeat(40)}` as const }
  expect(partiesOf({ seats: [seat('c', 0, 4), seat('b', 4, 6), upper] })).toEqual([
    { operator: wallet('c'), firstLayer: 0, endLayer: 4, units: 500 },
    { operator: wallet('b'), firstLayer: 4, endLayer: 8, units: 500 },
  ])
})

it('takes a standby that holds what a seat holds', () => {
  const seats = [...assignment.seats, seat('1', 4, 6)]
  expect(partiesOf({ seats })).toMatchObject([
    { operator: wallet('c') },
    { operator: wallet('1'), firstLayer: 4, endLayer: 6 },
    { operator: wallet('b'), firstLayer: 4, endLayer: 6 },
    { operator: wallet('a') },
  ])
})

it('does not care in which order the seats come', () => {
  expect(partiesOf({ seats: assignment.seats.toReversed() })).toEqual(partiesOf({}))
})

it('refuses, and says why, what nobody could sign', () => {
  expect(partiesOf({ seats: [seat('c', 0, 4), seat('b', 4, 6), seat('c', 6, 8)] })).toBe('operator-split')
  expect(partiesOf({ seats: [seat('c', 0, 4), seat('b', 4, 6)] })).toBe('spans-untiled')
  expect(partiesOf({ seats: [] })).toBe('parties-none')
  expect(partiesOf({ stakeAtomic: 0n })).toBe('stake-zero')
})

it('counts versions of the coalition that it re-splits', () => {
  const first = termsOfAssignment(assignment)
  const next = termsOfAssignment({ ...assignment, current: { id: 7n, version: 0 } })
  expect([first, next]).toMatchObject([{ terms: { id: 0n, version: 0 } }, { terms: { id: 7n, version: 1 } }])
})
