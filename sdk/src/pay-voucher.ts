/**
 * One voucher: what a pool asks for is held against its terms, then the x402 client signs it, and what it signed is looked at again before it
 * leaves. It moves no money by itself.
 */
import { x402Client } from '@x402/core/client'
import type { PaymentPayload, PaymentRequired, PaymentRequirements } from '@x402/core/types'
import { ExactEvmScheme } from '@x402/evm/exact/client'
import { encodeAbiParameters, type Hex, keccak256 } from 'viem'
import { z } from 'zod'
import type { Signer } from './payer.ts'
import { PoolError } from './pool-error.ts'
import type { PaidPoolTerms } from './pool-terms.ts'

/** A voucher that outlives this could be used when its payer no longer thinks of it. */
const longestValiditySeconds = 3600

const requirementSchema = z.looseObject({
  scheme: z.string(),
  network: z.string(),
  asset: z.string(),
  amount: z.string(),
  payTo: z.string(),
  maxTimeoutSeconds: z.number().int().min(1).max(longestValiditySeconds),
  extra: z.looseObject({ name: z.string(), version: z.string(), assetTransferMethod: z.string().optional() }),
})

const challengeSchema = z.looseObject({
  x402Version: z.literal(2),
  accepts: z.array(z.unknown()).min(1).max(16),
})

const authorizationSchema = z.object({
  from: z.string(),
  to: z.string(),
  value: z.string(),
  nonce: z.string().regex(/^0x[0-9a-fA-F]{64}$/),
})

export interface VoucherOrder {
  /** PAYMENT-REQUIRED, as it came. */
  readonly header: string
  readonly terms: PaidPoolTerms
  readonly capAtomic: bigint
  readonly signer: Signer
}

export interface SignedVoucher {
  /** PAYMENT-SIGNATURE. */
  readonly header: string
  /** The one session that it can open: keccak256(abi.encode(payer, nonce)), as the vault makes it. */
  readonly sessionId: Hex
}

/** One signature. Errors: `payment`, where the pool asks for another payment than its terms promise, or the wallet declines. */
export async function signVoucher({ header, terms, capAtomic, signer }: VoucherOrder): Promise<SignedVoucher> {
  const challenge = challengeSchema.safeParse(decodeJson(header))
  if (!challenge.success) throw strange('an x402 challenge of version 2', 'something else')
  const required = challenge.data as unknown as PaymentRequired
  const offer = required.accepts.find(one => mismatchOf(one, terms, capAtomic) === null)
  if (offer === undefined) throw strange(...(mismatchOf(required.accepts[0], terms, capAtomic) ?? ['', '']))
  const client = x402Client.fromConfig({
    schemes: [{ network: `eip155:${terms.chain.id}`, client: new ExactEvmScheme(signer) }],
    // It knows the assets of public chains only; asset, amount and payee were compared above.
    spendControls: false,
  })
  const payment = await client.createPaymentPayload({ ...required, accepts: [offer] })
  return { header: encodeJson(payment), sessionId: sessionOf(payment, { terms, capAtomic, signer }) }
}

/** What the client signed must be what was agreed, whatever is installed under its name. */
function sessionOf({ payload }: PaymentPayload, order: Omit<VoucherOrder, 'header'>): Hex {
  const found = authorizationSchema.safeParse(payload.authorization)
  if (!found.success) throw strange('an EIP-3009 authorization', 'something else')
  const { from, to, value, nonce } = found.data
  const { terms, capAtomic, signer } = order
  if (!same(to, terms.vault)) throw strange(`to ${terms.vault}`, to)
  if (value !== capAtomic.toString()) throw strange(`over ${capAtomic}`, value)
  if (!same(from, signer.address)) throw strange(`from ${signer.address}`, from)
  const named = [from as Hex, nonce as Hex] as const
  return keccak256(encodeAbiParameters([{ type: 'address' }, { type: 'bytes32' }], named))
}

/** What was promised and what is asked instead; null where all agrees. */
function mismatchOf(asked: unknown, terms: PaidPoolTerms, capAtomic: bigint): readonly [string, string] | null {
  const parsed = requirementSchema.safeParse(asked)
  if (!parsed.success) return ['an offer of scheme "exact"', 'something unreadable']
  const offer = parsed.data as unknown as PaymentRequirements & { readonly extra: Record<string, unknown> }
  const fields: readonly (readonly [string, string, unknown])[] = [
    ['scheme', 'exact', offer.scheme],
    ['network', `eip155:${terms.chain.id}`, offer.network],
    ['asset', terms.usdc, offer.asset],
    ['payTo', terms.vault, offer.payTo],
    ['amount', capAtomic.toString(), offer.amount],
    ['extra.name', terms.usdcName, offer.extra.name],
    ['extra.version', terms.usdcVersion, offer.extra.version],
    ['extra.assetTransferMethod', 'eip3009', offer.extra.assetTransferMethod ?? 'eip3009'],
  ]
  const wrong = fields.find(([, promised, is]) => typeof is !== 'string' || !same(promised, is))
  return wrong === undefined ? null : [`${wrong[0]} ${wrong[1]}`, String(wrong[2])]
}

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()

const strange = (promised: string, asked: string): PoolError =>
  new PoolError({
    kind: 'payment',
    code: 'sdk_challenge_invalid',
    message: `The pool’s terms promise ${promised}; it asks for ${asked.slice(0, 80)}.`,
    remedy: 'Nothing was paid. If it repeats, do not pay here.',
  })

function decodeJson(header: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(header), char => char.charCodeAt(0))))
  } catch {
    return null
  }
}

function encodeJson(value: unknown): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(value))))
}
