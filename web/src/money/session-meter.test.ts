import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sampleSession, sampleTerms } from '../ui/testing/sample-money.ts'
import {
  capLastsMs,
  isCapSpent,
  isMetering,
  leaseLeftSeconds,
  refundableNowAtomic,
  type SeenSession,
  spentNowAtomic,
} from './session-meter.ts'

const seen = (change: Parameters<typeof sampleSession>[0], rest: Partial<SeenSession> = {}): SeenSession => ({
  view: sampleSession(change),
  seenAtMs: 1_000,
  connection: 'live',
  ...rest,
})

test('while requests run, spent grows by price × time for each of them', () => {
  const running = seen({ spentAtomic: 100n, runningRequests: 2 })
  expect(spentNowAtomic(running, 1_000)).toBe(100n)
  expect(spentNowAtomic(running, 1_016.7)).toBe(132n)
  expect(spentNowAtomic(running, 3_000)).toBe(4_100n)
  expect(refundableNowAtomic(running, 3_000)).toBe(495_900n)
})

test.each([
  ['nothing runs', seen({ spentAtomic: 100n })],
  ['the session is closing', seen({ spentAtomic: 100n, runningRequests: 1, status: 'closing' })],
  ['nobody tells any more', seen({ spentAtomic: 100n, runningRequests: 1 }, { connection: 'lost' })],
])('the meter stands still where %s', (_name, still) => {
  expect(isMetering(still)).toBe(false)
  expect(spentNowAtomic(still, 9_000_000)).toBe(100n)
})

test('whatever comes, spent stays between the last view and the cap, and the rest adds up to the cap', () => {
  const amount = fc.bigInt({ min: 0n, max: 10n ** 12n })
  fc.assert(
    fc.property(
      amount,
      amount,
      amount,
      fc.nat(16),
      fc.double({ min: 0, max: 1e12, noNaN: true }),
      (a, b, price, running, ms) => {
        const [spentAtomic, capAtomic] = a < b ? [a, b] : [b, a]
        const session = seen({ spentAtomic, capAtomic, pricePerSecondAtomic: price, runningRequests: running })
        const spent = spentNowAtomic(session, ms)
        expect(spent >= spentAtomic && spent <= capAtomic).toBe(true)
        expect(spent + refundableNowAtomic(session, ms)).toBe(capAtomic)
      },
    ),
  )
})

test('once closed, the refund is what was sent back, not what was left', () => {
  expect(refundableNowAtomic(seen({ status: 'closed', spentAtomic: 7n, refundableAtomic: 5n }), 0)).toBe(5n)
})

test('the lease counts down by the server’s clock, never below nothing', () => {
  const leased = seen({ leaseUntil: 1_030, atMs: 1_000_000 })
  expect(leaseLeftSeconds(leased, 1_000)).toBe(30)
  expect(leaseLeftSeconds(leased, 1_001)).toBe(30)
  expect(leaseLeftSeconds(leased, 21_500)).toBe(10)
  expect(leaseLeftSeconds(leased, 99_000)).toBe(0)
  expect(leaseLeftSeconds(seen({}), 1_000)).toBeNull()
})

test('a cap counts as spent where its rest pays not a tenth of a second', () => {
  expect(isCapSpent(seen({ spentAtomic: 499_899n }), 1_000)).toBe(false)
  expect(isCapSpent(seen({ spentAtomic: 499_900n }), 1_000)).toBe(true)
  expect(capLastsMs(500_000n, sampleTerms())).toBe(500_000)
})
