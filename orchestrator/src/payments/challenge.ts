/** The 402 answer, as x402 v2 words it: what to pay, to whom, and how the client proves it. It moves no money. */
import { ComputePoolError, errorTable } from '@computepool/shared/errors'
import { encodePaymentRequiredHeader, encodePaymentResponseHeader } from '@x402/core/http'
import type { PaymentRequired, PaymentRequirements, SettleResponse } from '@x402/core/types'
import type { Hex } from 'viem'
import { networkOf } from './x402-facilitator.ts'

export interface PaymentTarget {
  readonly chainId: number
  readonly usdc: Hex
  /** The token's own EIP-712 domain: a voucher signed for another name is worth nothing. */
  readonly usdcName: string
  readonly usdcVersion: string
  readonly vault: Hex
}

/** What a client has to sign and send within. */
const maxTimeoutSeconds = 300

/** The one way to pay `amountAtomic` here. */
export function requirementsOf(target: PaymentTarget, amountAtomic: bigint): PaymentRequirements {
  return {
    scheme: 'exact',
    network: networkOf(target.chainId),
    asset: target.usdc,
    amount: amountAtomic.toString(),
    payTo: target.vault,
    maxTimeoutSeconds,
    extra: {
      name: target.usdcName,
      version: target.usdcVersion,
      assetTransferMethod: 'eip3009',
      paymentFlow: 'upfront',
    },
  }
}

export interface ChallengeOptions {
  readonly target: PaymentTarget
  readonly amountAtomic: bigint
  readonly resource: { readonly url: string; readonly description: string }
  /** x402's reason where a payment was refused; absent where none came. */
  readonly error?: string
  /** The sentence for people. */
  readonly message: string
}

/** A 402 with the challenge in its header and an OpenAI-shaped body. */
export function challengeResponse(options: ChallengeOptions): Response {
  const required: PaymentRequired = {
    x402Version: 2,
    error: options.error ?? 'PAYMENT-SIGNATURE header is required',
    resource: { ...options.resource, mimeType: 'application/json' },
    accepts: [requirementsOf(options.target, options.amountAtomic)],
  }
  const error = {
    message: options.message,
    type: errorTable.payment_required.openaiType,
    param: null,
    code: 'payment_required',
    ...(options.error === undefined ? {} : { reason: options.error }),
  }
  return Response.json(
    { ...required, error },
    {
      status: 402,
      headers: { 'payment-required': encodePaymentRequiredHeader(required), 'cache-control': 'no-store' },
    },
  )
}

/** The receipt header of a settled payment. */
export function settledHeaders(settled: SettleResponse): Record<string, string> {
  return { 'payment-response': encodePaymentResponseHeader(settled), 'cache-control': 'private, no-store' }
}

/** No payment, or one that is no good: answered with the challenge, so that a client can pay and ask again. */
export class PaymentRefused extends ComputePoolError {
  readonly challenge: ChallengeOptions

  constructor(challenge: ChallengeOptions) {
    super('payment_required', challenge.message)
    this.challenge = challenge
  }
}
