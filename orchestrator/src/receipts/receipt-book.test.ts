import { createManualClock } from '@computepool/shared/testing'
import { expect, it } from 'vitest'
import { createReceiptBook, type SentAttempt, type SettledAttempt } from './receipt-book.ts'

it.each([true, false, undefined])(
  'tells whether an attempt was for trusted ends when it is settled: %s',
  async isTrusted => {
    const clock = createManualClock()
    const settled: SettledAttempt[] = []
    const book = createReceiptBook({
      ...{ clock, pulse: { quietUntil: () => 0 }, keyOf: () => null },
      onSettled: (_, attempt) => settled.push(attempt),
    })
    const seats = [{ seat: 0, peer: 'entry', layers: { start: 0, end: 2 } }]
    const job = { requestId: 'r', promptTokens: [1], maxTokens: 2 }
    const asked = isTrusted === undefined ? {} : { isTrusted }
    book.sent({ coalition: 'c', epoch: 1, seats, job, ...asked } as unknown as SentAttempt)
    book.heard('entry', { type: 'token-generated', requestId: 'r', index: 0, sampled: { token: 5 } } as never)
    book.ended('r')
    await clock.advance(20_000)
    expect(settled.map(attempt => attempt.isTrusted)).toEqual([isTrusted])
  },
)
