import { expect, it } from 'vitest'
import { bigintAsString } from '../money/index.ts'
import { type CoalitionTerms, coalitionTermsSchema, type Party, termsFault } from './terms.ts'

const wallet = (digit: string) => `0x${digit.repeat(40)}` as const
const party = (digit: string, firstLayer: number, endLayer: number, units = 500): Party => ({
  operator: wallet(digit),
  firstLayer,
  endLayer,
  units,
})
const terms: CoalitionTerms = {
  modelDigest: `0x${'ab'.repeat(32)}`,
  layers: 4,
  pool: wallet('8'),
  vault: wallet('9'),
  pricePerSecondAtomic: 1000n,
  stakeAtomic: 5_000_000n,
  proposalEndsAt: 1_000n,
  endsAt: 2_000n,
  version: 0,
  id: 0n,
  salt: `0x${'01'.repeat(32)}`,
  parties: [party('1', 0, 2), party('2', 2, 4)],
}
const faultOf = (changes: Partial<CoalitionTerms>) => termsFault({ ...terms, ...changes })?.code ?? null

it('finds nothing wrong with spans that tile, shared ones among them', () => {
  expect(termsFault(terms)).toBeNull()
  expect(faultOf({ parties: [party('1', 0, 2), party('3', 0, 2), party('2', 2, 4)] })).toBeNull()
  expect(faultOf({ parties: [party('1', 0, 4)] })).toBeNull()
  expect(faultOf({ id: 7n, version: 3 })).toBeNull()
})

it.each([
  ['stake-zero', { stakeAtomic: 0n }],
  ['layers-none', { layers: 0 }],
  ['parties-none', { parties: [] }],
  ['parties-many', { parties: Array.from({ length: 33 }, (_, at) => party((at % 10).toString(), 0, 4)) }],
  ['operator-twice', { parties: [party('1', 0, 2), party('1', 2, 4)] }],
  ['units-zero', { parties: [party('1', 0, 2), party('2', 2, 4, 0)] }],
  ['order-wrong', { parties: [party('2', 2, 4), party('1', 0, 2)] }],
  ['order-wrong', { parties: [party('2', 0, 4), party('1', 0, 4)] }],
  ['spans-untiled', { parties: [party('1', 0, 2)] }],
  ['spans-untiled', { parties: [party('1', 0, 2), party('2', 3, 4)] }],
  ['spans-untiled', { parties: [party('1', 0, 3), party('2', 2, 4)] }],
  ['spans-untiled', { parties: [party('1', 0, 2), party('2', 0, 3), party('3', 3, 4)] }],
  ['spans-untiled', { parties: [party('1', 0, 2), party('2', 2, 5)] }],
  ['spans-untiled', { parties: [party('1', 0, 0), party('3', 0, 4)] }],
  ['version-wrong', { version: 1 }],
  ['version-wrong', { id: 1n }],
  ['times-wrong', { endsAt: 1_000n }],
] as const)('tells %s', (code, changes) => {
  expect(faultOf(changes as Partial<CoalitionTerms>)).toBe(code)
})

it('travels as JSON without loss, addresses in one spelling', () => {
  const mixed = { ...terms, vault: `0x${'aB'.repeat(20)}`, stakeAtomic: 2n ** 96n - 1n }
  const read = coalitionTermsSchema.parse(JSON.parse(JSON.stringify(mixed, bigintAsString)))
  expect(read).toEqual({ ...mixed, vault: `0x${'ab'.repeat(20)}` })
})

it.each([
  ['more than uint96', { stakeAtomic: String(2n ** 96n) }],
  ['a negative amount', { stakeAtomic: '-1' }],
  ['an amount that JSON rounded', { stakeAtomic: 5e6 }],
  ['a layer over uint16', { layers: 65_536 }],
  ['a short digest', { modelDigest: '0xab' }],
  ['what nobody knows', { extra: 1 }],
])('refuses %s', (_, changes) => {
  const json = { ...JSON.parse(JSON.stringify(terms, bigintAsString)), ...changes }
  expect(coalitionTermsSchema.safeParse(json).success).toBe(false)
})
