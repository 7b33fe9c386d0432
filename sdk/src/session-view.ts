/** A session and its receipt as their payer reads them: the pool's words, cut down to what a payer needs. Types only. */
import type { Hex } from 'viem'

export interface SessionView {
  readonly id: Hex
  readonly payer: Hex
  /** `closing` waits for the chain; `refused`: the voucher was no good, and nothing moved. */
  readonly status: 'opening' | 'open' | 'streaming' | 'closing' | 'closed' | 'refused'
  readonly capAtomic: bigint
  /** Running requests included. */
  readonly spentAtomic: bigint
  readonly refundableAtomic: bigint
  readonly pricePerSecondAtomic: bigint
  readonly runningRequests: number
  /** Seconds since 1970; after it anybody may end the session, and the rest goes back to the payer. */
  readonly expiresAt: number
}

export interface ReceiptRequest {
  readonly requestId: string
  readonly meteredMs: number
  readonly costAtomic: bigint
  readonly tokens: number
  readonly stoppedBy: string | null
}

/** What a session cost, by the pool's word; `verifyReceipt` asks the chain. Amounts are USDC's atomic units. */
export interface Receipt {
  /** The pool that gave it. */
  readonly pool: string
  /** Null where work was free. */
  readonly sessionId: Hex | null
  readonly payer: Hex | null
  readonly isClosed: boolean
  readonly capAtomic: bigint
  readonly pricePerSecondAtomic: bigint
  readonly paidAtomic: bigint
  readonly refundedAtomic: bigint
  /** Out of stakes of operators that were convicted over this session. */
  readonly refundedBySlashAtomic: bigint
  readonly requests: readonly ReceiptRequest[]
  readonly openTransaction: Hex | null
  readonly closeTransaction: Hex | null
}
