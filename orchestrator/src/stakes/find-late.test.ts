/** A proposal that was given up after it had been sent: its stakes are not forgotten where it comes all the same. */
import type { CoalitionTerms, Hex } from '@computepool/shared/coalition'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openMemoryLedger } from '../../testing/open-memory-ledger.ts'
import { findLate } from './find-late.ts'
import { createStakeBook } from './stake-book.ts'

let database: Awaited<ReturnType<typeof openMemoryLedger>>
beforeAll(async () => {
  database = await openMemoryLedger()
}, 120_000)
afterAll(() => database?.close())

const address = (byte: string): Hex => `0x${byte.repeat(20)}`
const terms: CoalitionTerms = {
  ...{ modelDigest: `0x${'5a'.repeat(32)}`, layers: 2, pool: address('01'), vault: address('02'), version: 0, id: 0n },
  ...{ pricePerSecondAtomic: 1n, stakeAtomic: 5n, proposalEndsAt: 600n, endsAt: 9000n, salt: `0x${'07'.repeat(32)}` },
  parties: [{ operator: address('11'), firstLayer: 0, endLayer: 2, units: 1000 }],
}
let books = 0

/** Terms that were given up, in a registry of their own; the chain has no coalition of them yet. */
async function givenUp(options: { mayCome: boolean }) {
  const hash: Hex = `0x${String(++books).padStart(64, '0')}`
  const place = { chainId: 1, registry: `registry ${books}`, vault: 'vault' }
  const book = createStakeBook(database.db, place)
  await book.offer(terms, hash, 0)
  expect([await book.over(hash, 'spent', options), await book.over(hash, 'spent', options)]).toEqual([true, false])
  const chain = { id: 0n, nowSeconds: 0 }
  const look = async () => {
    const reader = { idOf: async () => chain.id }
    await findLate({ book, reader, vault: { nowSeconds: async () => chain.nowSeconds } }, await book.open())
    return (await book.open()).map(({ state, coalition }) => [state, coalition])
  }
  return { chain, look }
}

it('is looked for until its time has passed, and kept where it comes', async () => {
  const { chain, look } = await givenUp({ mayCome: true })
  chain.nowSeconds = 600
  expect(await look()).toEqual([['over', null]])
  chain.id = 9n
  chain.nowSeconds = 601
  expect(await look()).toEqual([['over', 9n]])
})

it('is done with where it has not come by then', async () => {
  const { chain, look } = await givenUp({ mayCome: true })
  chain.nowSeconds = 601
  expect(await look()).toEqual([])
})

it('is done with at once where it was never sent', async () => {
  const { look } = await givenUp({ mayCome: false })
  expect(await look()).toEqual([])
})
