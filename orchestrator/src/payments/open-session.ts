/**
 * From a voucher to an open session, once: judged by the facilitator, written into the ledger, settled by the outbox. Whoever sends the
 * same voucher while it is being judged gets the same answer; afterwards only who has the key that came with it.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import type { SessionView } from '@computepool/shared/money'
import type { Clock } from '@computepool/shared/ports'
import type { SettleResponse } from '@x402/core/types'
import { type ChallengeOptions, PaymentRefused, type PaymentTarget, requirementsOf } from './challenge.ts'
import type { Ledger } from './ledger.ts'
import type { RetellKeys } from './retell-keys.ts'
import type { Payment } from './voucher.ts'
import { type Facilitator, networkOf, nonceAlreadyUsed } from './x402-facilitator.ts'

export interface SessionOpenerOptions {
  readonly ledger: Pick<Ledger, 'session' | 'whenSettled' | 'admitVoucher' | 'wantClose'>
  readonly clock: Clock
  readonly facilitator: Pick<Facilitator, 'verify'>
  readonly keys: RetellKeys
  readonly target: PaymentTarget
  /** What new sessions pay a second, as posted on the chain. */
  readonly price: () => Promise<bigint>
  /** Longest wait for the chain. */
  readonly settleTimeoutMs?: number
  readonly onFault: (fault: unknown) => void
}

export interface OpenOrder {
  readonly payment: Payment
  readonly origin: 'session' | 'request'
  readonly amountAtomic: bigint
  /** Proof that a repeated voucher comes from who sent it first. */
  readonly key: string | null
  readonly resource: ChallengeOptions['resource']
}

export interface OpenedByVoucher {
  readonly view: SessionView
  readonly settled: SettleResponse
  readonly isNew: boolean
}

export interface SessionOpener {
  /** Errors: PaymentRefused with x402's reason, `payment_voucher_conflict`, `payment_session_opening` where the chain is slow. */
  open(order: OpenOrder): Promise<OpenedByVoucher>
}

interface Opening {
  isAdmitted: boolean
  readonly opened: Promise<OpenedByVoucher>
}

export function createSessionOpener(options: SessionOpenerOptions): SessionOpener {
  const { ledger, clock, facilitator, keys, target, price, settleTimeoutMs = 120_000, onFault } = options
  const openings = new Map<string, Opening>()

  const refusal = ({ amountAtomic, resource }: OpenOrder, reason: string): PaymentRefused =>
    new PaymentRefused({ target, amountAtomic, resource, error: reason, message: messageOf(reason) })

  const settledView = async (order: OpenOrder): Promise<Omit<OpenedByVoucher, 'isNew'>> => {
    const { sessionId, voucher } = order.payment
    const late = new AbortController()
    const cancel = clock.schedule(settleTimeoutMs, () => late.abort(tooLate(order)))
    const view = await ledger.whenSettled(sessionId, late.signal).finally(cancel)
    if (view.status === 'refused') {
      throw refusal(order, (await ledger.session(sessionId))?.refuseReason ?? 'invalid_exact_evm_transaction_failed')
    }
    const { chainId } = target
    const transaction = view.openTransaction ?? ''
    return { view, settled: { success: true, transaction, network: networkOf(chainId), payer: voucher.payer } }
  }

  const admit = async (order: OpenOrder, opening: { isAdmitted: boolean }): Promise<OpenedByVoucher> => {
    const { payment, origin, amountAtomic, key } = order
    const { sessionId, voucher, payload } = payment
    const known = await ledger.session(sessionId)
    if (known !== null && known.state === 'refused') throw refusal(order, known.refuseReason ?? nonceAlreadyUsed)
    const keyOwner = key === null ? null : await keys.sessionOf(key)
    if (keyOwner !== null && keyOwner !== sessionId) {
      throw new ComputePoolError('payment_voucher_conflict', 'This Idempotency-Key opened another session already.', {
        remedy: 'Use one key for one voucher.',
      })
    }
    if (known !== null) {
      if (keyOwner === null || known.origin !== 'session' || origin !== 'session') {
        throw refusal(order, nonceAlreadyUsed)
      }
      if (known.capAtomic !== amountAtomic) {
        const message = `The voucher of this Idempotency-Key is over ${known.capAtomic}, not ${amountAtomic} atomic USDC.`
        throw new ComputePoolError('payment_voucher_conflict', message, {
          remedy: 'Send the body of the first request.',
        })
      }
      return { ...(await settledView(order)), isNew: false }
    }
    const verdict = await facilitator.verify(payload, requirementsOf(target, amountAtomic))
    if (!verdict.isValid) throw refusal(order, verdict.invalidReason ?? 'invalid_payload')
    const pricePerSecondAtomic = await price()
    // From here on the voucher may become public: nobody else joins without the key.
    opening.isAdmitted = true
    const { isNew } = await ledger.admitVoucher({
      payer: voucher.payer,
      nonce: voucher.nonce,
      capAtomic: voucher.valueAtomic,
      validBefore: secondsOf(voucher.validBefore),
      voucher: payload,
      origin,
      pricePerSecondAtomic,
    })
    if (!isNew) throw refusal(order, nonceAlreadyUsed)
    if (key !== null) await keys.remember(key, sessionId)
    try {
      return { ...(await settledView(order)), isNew: true }
    } catch (thrown) {
      // Nobody can come back for it: it closes as soon as the chain has it, and its payer is refunded.
      if (origin === 'request') await ledger.wantClose(sessionId, 'request_over').catch(onFault)
      throw thrown
    }
  }

  return {
    open: order => {
      const { payment, origin, amountAtomic, key } = order
      // The whole voucher, so that a tampered twin is judged for itself.
      const name = [payment.sessionId, payment.voucher.signature, payment.voucher.valueAtomic, amountAtomic].join()
      const running = openings.get(name)
      if (running !== undefined && !running.isAdmitted) {
        if (origin === 'request') return Promise.reject(refusal(order, nonceAlreadyUsed))
        return running.opened.then(opened => ({ ...opened, isNew: false }))
      }
      if (running !== undefined && key === null) return Promise.reject(refusal(order, nonceAlreadyUsed))
      const progress = { isAdmitted: false }
      const opened = admit(order, progress)
      if (running === undefined) {
        const opening: Opening = {
          get isAdmitted() {
            return progress.isAdmitted
          },
          opened,
        }
        openings.set(name, opening)
        const forget = (): void => void openings.delete(name)
        opened.then(forget, forget)
      }
      return opened
    },
  }
}

/** What the payer can do depends on what it can prove. */
function tooLate({ payment, origin, key }: OpenOrder): ComputePoolError {
  const { sessionId } = payment
  if (origin === 'request') {
    return new ComputePoolError(
      'payment_session_opening',
      'The chain has not confirmed the voucher in time; the request was not run.',
      {
        remedy:
          'All of the voucher is refunded once the chain has it. Send the request with a new voucher, or open a session with POST /v1/sessions.',
        context: { sessionId },
      },
    )
  }
  return new ComputePoolError('payment_session_opening', 'The chain has not confirmed the voucher yet.', {
    remedy:
      key === null
        ? 'Sign no other voucher: prove the wallet at POST /v1/sessions/recover, which tells the session’s token.'
        : 'Send the same request again with the same Idempotency-Key.',
    context: { sessionId, retryAfterSeconds: 5 },
  })
}

/** A client may write “for ever”; the ledger’s column cannot. */
const secondsOf = (seconds: bigint): number => Number(seconds < 2n ** 40n ? seconds : 2n ** 40n)

const messages: Readonly<Record<string, string>> = {
  invalid_payload: 'PAYMENT-SIGNATURE holds no x402 payment of version 2 that this server understands.',
  [nonceAlreadyUsed]: 'This voucher was used already; it cannot buy anything twice.',
  invalid_exact_evm_insufficient_balance: 'The payer has less USDC than the voucher is over.',
  invalid_exact_evm_payload_authorization_valid_before: 'The voucher is out of date, or will be in a moment.',
  invalid_exact_evm_payload_authorization_valid_after: 'The voucher is not valid yet.',
  invalid_exact_evm_payload_authorization_value_mismatch: 'The voucher is over another amount than was asked.',
  invalid_exact_evm_recipient_mismatch: 'The voucher pays somebody else.',
  invalid_exact_evm_network_mismatch: 'The voucher is for another chain.',
  invalid_exact_evm_signature: 'The voucher’s signature is not the payer’s for these terms.',
}

const messageOf = (reason: string): string =>
  `${messages[reason] ?? `The payment was refused (${reason}).`} Nothing was charged. Sign the payment of this challenge and send it once.`
