import { expect, test } from 'vitest'
import { amountAtWei, nextLine } from './earnings-tick.ts'

const rate = 10n ** 15n // 0.001 USDC a second
const line = { amountWei: 5n * rate, ratePerSecondWei: rate, atMs: 1_000 }

test('an amount grows by rate × time, rounded down to the wei', () => {
  expect(amountAtWei(line, 1_000)).toBe(5n * rate)
  expect(amountAtWei(line, 1_016.9)).toBe(5n * rate + (rate * 16n) / 1000n)
  expect(amountAtWei(line, 61_000)).toBe(65n * rate)
  expect(amountAtWei({ ...line, ratePerSecondWei: 7n }, 1_500)).toBe(5n * rate + 3n)
})

test('a clock that goes backwards takes nothing away', () => {
  expect(amountAtWei(line, 0)).toBe(5n * rate)
})

test('readings that lag a block keep the line, so that the figure never stutters', () => {
  const lagging = { amountWei: 7n * rate, ratePerSecondWei: rate, atMs: 4_000 } // the line says 8
  expect(nextLine(line, lagging)).toBe(line)
  expect(nextLine(line, { ...lagging, amountWei: 9n * rate })).toBe(line)
})

test('another rate, or another truth, starts another line', () => {
  const stopped = { amountWei: 7n * rate, ratePerSecondWei: 0n, atMs: 4_000 }
  expect(nextLine(line, stopped)).toBe(stopped)
  const withdrawn = { amountWei: 0n, ratePerSecondWei: rate, atMs: 4_000 }
  expect(nextLine(line, withdrawn)).toBe(withdrawn)
  const exact = { ...stopped, amountWei: stopped.amountWei - 1n }
  expect(nextLine(stopped, exact)).toBe(exact)
  expect(nextLine(null, line)).toBe(line)
})
