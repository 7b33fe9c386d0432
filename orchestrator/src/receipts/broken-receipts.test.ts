import type { ReceiptFault } from '@computepool/shared/receipts'
import { createManualClock } from '@computepool/shared/testing'
import { expect, it } from 'vitest'
import { createBrokenReceipts } from './broken-receipts.ts'

const walletOf = (seat: number): string => `0x${seat}`
const boundary = (...seats: number[]): ReceiptFault => ({ fault: 'broken', seats, words: '' })

it('tells of a wallet once it has quarrelled with three others within a day, and never of those', async () => {
  const clock = createManualClock()
  const broken = createBrokenReceipts(clock, () => 0.6)
  const noted = (...faults: ReceiptFault[]) => broken.noted(broken.quarrels(faults, walletOf))
  expect([noted(boundary(1, 2)), noted(boundary(1, 2)), noted(boundary(2, 1)), noted(boundary(0, 1))]).toEqual([
    [],
    [],
    [],
    [],
  ])
  expect(noted(boundary(1, 3))).toEqual(['0x1'])
  expect([noted(boundary(4, 5)), noted(boundary(4, 6))]).toEqual([[], []])
  await clock.advance(25 * 3_600_000)
  expect(noted(boundary(4, 7))).toEqual([])
})

it('holds nothing against neighbours where somebody is wrong by itself, or was not heard to the end', () => {
  const broken = createBrokenReceipts(createManualClock(), () => 0.6)
  expect(broken.quarrels([boundary(0), boundary(0, 1)], walletOf)).toEqual([])
  expect(broken.quarrels([{ fault: 'missing', seats: [2], words: '' }, boundary(0, 1)], walletOf)).toEqual([
    ['0x0', '0x1'],
  ])
  expect(broken.quarrels([boundary(3, 3)], walletOf)).toEqual([])
})

it('bars nobody by the word of wallets that have shown nothing, or less than it has', () => {
  const trust: Record<string, number> = { '0x1': 0.7, '0x5': 0.6, '0x6': 0.6, '0x7': 0.6, '0x8': 0.8, '0x9': 0.7 }
  const broken = createBrokenReceipts(createManualClock(), operator => trust[operator] ?? 0)
  const noted = (...pairs: Array<[number, number]>) =>
    pairs.flatMap(([a, b]) => broken.noted(broken.quarrels([boundary(a, b)], walletOf)))
  // Three new wallets, one broken boundary each; against somebody as new as they are, too.
  expect(noted([1, 2], [1, 3], [1, 4], [0, 2], [0, 3], [0, 4])).toEqual([])
  expect(noted([1, 5], [1, 6], [1, 7], [1, 8], [1, 9])).toEqual([])
  // A liar that is new falls by the word of three who are not.
  expect(noted([0, 5], [0, 6], [7, 0])).toEqual(['0x0'])
})
