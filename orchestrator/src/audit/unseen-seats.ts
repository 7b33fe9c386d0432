/**
 * Wallets whose work can never be looked at: they sign no receipts, or every check finds them gone, still or out of reach, or comes to nothing at all who make it. Nothing is held against
 * them, but they should not sit there. It knows no auditors and no verdicts.
 */
import type { ReceiptVerdict } from '@computepool/shared/receipts'
import { operatorOf } from '../receipts/operator-of.ts'
import type { SettledAttempt } from '../receipts/receipt-book.ts'
import { createInARow } from './in-a-row.ts'

export interface UnseenSeats {
  /** Receipts of neighbours that do not meet are another's business. */
  receipts(verdict: ReceiptVerdict, attempt: SettledAttempt): void
  /** A check came to nothing because of this peer. */
  missed(peer: string): void
  /** A check found its work as it should be. */
  seen(peer: string): void
}

/** Answers in a row without a whole receipt. */
const mostUnsigned = 3
/** Checks in a row that came to nothing. */
const mostUnmet = 5

/** `onUnseen`: too often in a row, in words for its operator. */
export function createUnseenSeats(onUnseen: (operator: string, why: string) => void): UnseenSeats {
  const unsigned = createInARow(mostUnsigned)
  const unmet = createInARow(mostUnmet)
  return {
    receipts: ({ faults, whole }, { seats }) => {
      for (const { seat, peer } of seats) {
        const operator = operatorOf(peer)
        if (whole.includes(seat)) unsigned.over(operator)
        else if (faults.some(({ fault, seats }) => fault !== 'broken' && seats[0] === seat) && unsigned.again(operator))
          onUnseen(operator, 'Three answers in a row ended without a whole receipt of yours')
      }
    },
    missed: peer => {
      if (unmet.again(operatorOf(peer)))
        onUnseen(
          operatorOf(peer),
          'Five checks in a row found you gone, still or without a way to you, or what you did could not be checked',
        )
    },
    seen: peer => unmet.over(operatorOf(peer)),
  }
}
