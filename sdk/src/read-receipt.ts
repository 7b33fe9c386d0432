/** The pool's JSON of sessions and receipts as this package gives it. */
import type { Receipt as ToldReceipt, SessionView as ToldView } from '@computepool/shared/money'
import type { Hex } from 'viem'
import type { Receipt, SessionView } from './session-view.ts'

export function viewOf(told: ToldView): SessionView {
  const { status, capAtomic, spentAtomic, refundableAtomic, pricePerSecondAtomic, runningRequests, expiresAt } = told
  return {
    id: told.id as Hex,
    payer: told.payer.toLowerCase() as Hex,
    status,
    capAtomic,
    spentAtomic,
    refundableAtomic,
    pricePerSecondAtomic,
    runningRequests,
    expiresAt,
  }
}

export function receiptOf(pool: string, told: ToldReceipt): Receipt {
  const { session, requests, paidAtomic, refundedAtomic, refundedBySlashAtomic = 0n } = told
  return {
    pool,
    sessionId: session.id as Hex,
    payer: session.payer.toLowerCase() as Hex,
    isClosed: session.status === 'closed',
    capAtomic: session.capAtomic,
    pricePerSecondAtomic: session.pricePerSecondAtomic,
    paidAtomic,
    refundedAtomic,
    refundedBySlashAtomic,
    requests: requests.map(({ requestId, meteredMs, costAtomic, tokens, stoppedBy }) => ({
      requestId,
      meteredMs,
      costAtomic,
      tokens,
      stoppedBy,
    })),
    openTransaction: session.openTransaction as Hex | null,
    closeTransaction: session.closeTransaction as Hex | null,
  }
}

/** Of a pool where work is free. */
export const freeReceipt = (pool: string): Receipt => ({
  pool,
  sessionId: null,
  payer: null,
  isClosed: true,
  capAtomic: 0n,
  pricePerSecondAtomic: 0n,
  paidAtomic: 0n,
  refundedAtomic: 0n,
  refundedBySlashAtomic: 0n,
  requests: [],
  openTransaction: null,
  closeTransaction: null,
})
