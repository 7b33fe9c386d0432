import type { ReceiptFault } from '@computepool/shared/receipts'
import { createManualClock } from '@computepool/shared/testing'
import { expect, it } from 'vitest'
import { createBrokenReceipts } from './broken-receipts.ts'

const walletOf = (seat: number): string => `0x${seat}`
const boundary = (...seats: number[]): ReceiptFault => ({ fault: 'broken', seats, words: '' })

it('tells of a wallet once it has quarrelled with three others within a day, and never of those', async () => {
  const clock = createManualClock()
  const broken = createBrokenReceipts(clock)
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
  const broken = createBrokenReceipts(createManualClock())
  expect(broken.quarrels([boundary(0), boundary(0, 1)], walletOf)).toEqual([])
  expect(broken.quarrels([{ fault: 'missing', seats: [2], words: '' }, boundary(0, 1)], walletOf)).toEqual([
    ['0x0', '0x1'],
  ])
  expect(broken.quarrels([boundary(3, 3)], walletOf)).toEqual([])
})
