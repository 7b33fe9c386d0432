import { createManualClock } from '@computepool/shared/testing'
import { expect, it } from 'vitest'
import { createKeptCaches } from '../dispatch/kept-caches.ts'
import type { SettledAttempt } from '../receipts/receipt-book.ts'
import { createAttemptLog } from './attempt-log.ts'
import { canCheckUpon } from './draw-checks.ts'

/** A conversation of so many turns, each upon the cache of the one before; how many seats of each were whole, or null: not settled yet. */
function conversation(turns: ReadonlyArray<number | null>) {
  const log = createAttemptLog()
  const seats = [{}, {}]
  for (const [turn, whole] of turns.entries()) {
    const reuse = turn === 0 ? {} : { reuse: { requestId: `r${turn - 1}`, positions: 40 } }
    const job = { requestId: `r${turn}`, promptTokens: [1], maxTokens: 1, ...reuse }
    const attempt = { seats, job, tokens: [1] } as unknown as SettledAttempt
    log.begun(job.requestId, { secret: '', terms: {} as never, sent: attempt })
    if (whole !== null) log.settled(attempt, new Set(Array.from({ length: whole }, (_, seat) => seat)))
  }
  const kept = createKeptCaches(createManualClock(), requestId => canCheckUpon(log, requestId))
  const tokens = Array.from({ length: 60 }, (_, index) => index)
  kept.note({ epoch: 1, scope: 's', requestId: `r${turns.length - 1}`, tokens })
  return kept.find(1, 's', tokens)
}

it('a cache is offered as long as what begins with it can be checked, and then a turn begins anew', () => {
  expect(conversation(new Array(15).fill(2))).toMatchObject({ requestId: 'r14' })
  expect(conversation(new Array(16).fill(2))).toBe(null)
})

it('a cache is not offered upon a turn of which a seat gave no whole receipt, nor upon one that nobody knows', () => {
  expect(conversation([2, 1, 2])).toBe(null)
  expect(conversation([2, 1])).toBe(null)
  expect(conversation([2, null, 2])).toBe(null)
  // Its receipts are still to come.
  expect(conversation([2, 2, null])).toMatchObject({ requestId: 'r2' })
  expect(canCheckUpon(createAttemptLog(), 'r')).toBe(false)
})
