/**
 * A payment as it arrives in `PAYMENT-SIGNATURE`: base64 of x402's JSON, holding one EIP-3009 authorization. It is parsed here, once;
 * whether it is any good is for the facilitator to say. It knows no chain.
 */
import type { PaymentPayload } from '@x402/core/types'
import { encodeAbiParameters, type Hex, keccak256 } from 'viem'
import { z } from 'zod'

/** Caps on what a stranger may send: a signature of a smart wallet may be long, all else is short. */
const mostHeaderChars = 16_000
const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/)
const whole = z.string().regex(/^[0-9]{1,78}$/)
const short = z.string().max(200)

const requirementsSchema = z.looseObject({
  scheme: short,
  network: short,
  asset: short,
  amount: whole,
  payTo: short,
  maxTimeoutSeconds: z.number(),
  extra: z.record(z.string(), z.unknown()).default({}),
})

const payloadSchema = z.looseObject({
  x402Version: z.literal(2),
  accepted: requirementsSchema,
  payload: z.looseObject({
    signature: z.string().regex(/^0x(?:[0-9a-fA-F]{2}){65,4096}$/),
    authorization: z.looseObject({
      from: address,
      to: address,
      value: whole,
      validAfter: whole,
      validBefore: whole,
      nonce: z.string().regex(/^0x[0-9a-fA-F]{64}$/),
    }),
  }),
  extensions: z.record(z.string(), z.unknown()).nullish(),
})

/** One EIP-3009 authorization, signed. Amount in atomic USDC, times in Unix seconds. */
export interface Voucher {
  readonly payer: Hex
  readonly to: Hex
  readonly valueAtomic: bigint
  readonly validAfter: bigint
  readonly validBefore: bigint
  readonly nonce: Hex
  readonly signature: Hex
}

export interface Payment {
  readonly payload: PaymentPayload
  readonly voucher: Voucher
  /** The session that this voucher can open, and no other: keccak256(abi.encode(payer, nonce)). */
  readonly sessionId: Hex
}

/** The payment in a header, or null where it is none of ours: then x402's answer is `invalid_payload`. */
export function parsePayment(header: string): Payment | null {
  if (header.length > mostHeaderChars) return null
  let json: unknown
  try {
    json = JSON.parse(Buffer.from(header, 'base64').toString('utf8'))
  } catch {
    return null
  }
  return readPayment(json)
}

/** The same, from JSON that is parsed already. */
export function readPayment(json: unknown): Payment | null {
  const parsed = payloadSchema.safeParse(json)
  if (!parsed.success) return null
  const { signature, authorization } = parsed.data.payload
  const voucher: Voucher = {
    payer: authorization.from.toLowerCase() as Hex,
    to: authorization.to.toLowerCase() as Hex,
    valueAtomic: BigInt(authorization.value),
    validAfter: BigInt(authorization.validAfter),
    validBefore: BigInt(authorization.validBefore),
    nonce: authorization.nonce.toLowerCase() as Hex,
    signature: signature as Hex,
  }
  return {
    payload: parsed.data as unknown as PaymentPayload,
    voucher,
    sessionId: sessionIdOf(voucher.payer, voucher.nonce),
  }
}

/** The id of the session that (payer, nonce) opens, as the vault makes it. */
export function sessionIdOf(payer: Hex, nonce: Hex): Hex {
  return keccak256(encodeAbiParameters([{ type: 'address' }, { type: 'bytes32' }], [payer, nonce]))
}

/** x402's `payment-identifier` extension: an id that the client chose, so that it may ask again; null where it chose none. */
export function paymentIdentifierOf(payment: Payment): string | null {
  const extension = payment.payload.extensions?.['payment-identifier'] as { info?: { id?: unknown } } | undefined
  const id = extension?.info?.id
  return typeof id === 'string' && id.length >= 16 && id.length <= 128 ? id : null
}
