/** Opens written-down sessions for the outbox, through the facilitator. May be asked again at any time; it takes money once. */
import { type PaymentTarget, requirementsOf } from './challenge.ts'
import type { Settler } from './outbox-ports.ts'
import { readPayment } from './voucher.ts'
import { type Facilitator, settleUndecided } from './x402-facilitator.ts'

export interface VoucherSettlerOptions {
  readonly facilitator: Pick<Facilitator, 'settle'>
  readonly target: PaymentTarget
}

/** Reasons that say nothing of the voucher: the transaction is under way, or the node could not be asked. */
const undecided = ['settlement_pending', settleUndecided]

export function createVoucherSettler({ facilitator, target }: VoucherSettlerOptions): Settler {
  return {
    settle: async ({ sessionId, voucher }) => {
      const payment = readPayment(voucher)
      if (payment === null || payment.sessionId !== sessionId) return { status: 'refused', reason: 'invalid_payload' }
      const requirements = requirementsOf(target, payment.voucher.valueAtomic)
      const result = await facilitator.settle(payment.payload, requirements)
      if (result.success) return { status: 'settled', transaction: result.transaction as `0x${string}` }
      const reason = result.errorReason ?? settleUndecided
      return { status: undecided.includes(reason) ? 'unknown' : 'refused', reason }
    },
  }
}
