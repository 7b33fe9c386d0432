import { expect, it } from 'vitest'
import { type OwnTerms, ownTermsFault } from './own-terms-fault.ts'
import type { CoalitionTerms } from './terms.ts'

const wallet = (digit: string) => `0x${digit.repeat(40)}` as const
const terms: CoalitionTerms = {
  modelDigest: `0x${'ab'.repeat(32)}`,
  layers: 4,
  pool: wallet('8'),
  vault: wallet('9'),
  pricePerSecondAtomic: 1_000n,
  stakeAtomic: 5_000_000n,
  proposalEndsAt: 1_000n,
  endsAt: 2_000n,
  version: 0,
  id: 0n,
  salt: `0x${'01'.repeat(32)}`,
  parties: [
    { operator: wallet('a'), firstLayer: 0, endLayer: 2, units: 500 },
    { operator: wallet('b'), firstLayer: 2, endLayer: 4, units: 500 },
  ],
}
const own: OwnTerms = {
  operator: `0x${'B'.repeat(40)}`,
  modelDigest: terms.modelDigest,
  layers: { start: 2, end: 4 },
  pool: terms.pool,
  vault: terms.vault,
  mostStakeAtomic: 5_000_000n,
  leastPricePerSecondAtomic: 1_000n,
  latestEndsAt: 2_000n,
}

it('lets an operator sign what it was given and agreed to, to the last unit', () => {
  expect(ownTermsFault(terms, own)).toBeNull()
})

it.each([
  ['stake-zero', { stakeAtomic: 0n }, {}],
  ['not-party', {}, { operator: wallet('c') }],
  ['span-other', {}, { layers: { start: 2, end: 3 } }],
  ['span-other', {}, { layers: { start: 1, end: 4 } }],
  ['model-other', { modelDigest: `0x${'cd'.repeat(32)}` }, {}],
  ['pool-other', { pool: wallet('9') }, {}],
  ['vault-other', { vault: wallet('8') }, {}],
  ['stake-high', { stakeAtomic: 5_000_001n }, {}],
  ['price-low', { pricePerSecondAtomic: 999n }, {}],
  ['term-long', { endsAt: 2_001n }, {}],
] as const)('refuses %s', (code, changes, asked) => {
  expect(ownTermsFault({ ...terms, ...changes } as CoalitionTerms, { ...own, ...asked })?.code).toBe(code)
})
