/**
 * What a 402 asks for, held against what the terms promised and what the payer chose. Only a challenge that agrees in every field
 * becomes a voucher. Pure. (x402 v2, scheme `exact` with EIP-3009.)
 */
import { ComputePoolError } from '@computepool/shared/errors'
import type { PaidTerms } from '@computepool/shared/money'
import { z } from 'zod'

const requirementSchema = z.looseObject({
  scheme: z.string(),
  network: z.string(),
  asset: z.string(),
  amount: z.string().regex(/^(0|[1-9][0-9]{0,30})$/),
  payTo: z.string(),
  maxTimeoutSeconds: z.number().int(),
  extra: z
    .looseObject({
      name: z.string().optional(),
      version: z.string().optional(),
      assetTransferMethod: z.string().optional(),
    })
    .default({}),
})
export type PaymentRequirement = z.infer<typeof requirementSchema>

const challengeSchema = z.looseObject({
  x402Version: z.literal(2),
  resource: z.unknown().optional(),
  accepts: z.array(z.unknown()).min(1).max(16),
  extensions: z.unknown().optional(),
})

/** A challenge that was checked: what to sign, and what to send back with it as it came. */
export interface CheckedChallenge {
  readonly requirement: PaymentRequirement
  readonly resource: unknown
  readonly extensions: unknown
}

/** A voucher that outlives this could be used when its payer no longer thinks of it. */
const longestValiditySeconds = 3600
const longestHeader = 16_384

/** Parses the PAYMENT-REQUIRED header and checks it. Throws `payment_challenge_invalid`, naming the field that lies. */
export function checkChallenge(header: string, terms: PaidTerms, capAtomic: bigint): CheckedChallenge {
  if (capAtomic < terms.minCapAtomic || capAtomic > terms.maxCapAtomic)
    throw refused('cap', `${terms.minCapAtomic} to ${terms.maxCapAtomic}`, capAtomic.toString())
  const challenge = challengeSchema.safeParse(decodeHeader(header))
  if (!challenge.success) throw refused('PAYMENT-REQUIRED', 'an x402 v2 challenge', 'something else')
  const { accepts, resource, extensions } = challenge.data
  const offers = accepts.flatMap(offer => requirementSchema.safeParse(offer).data ?? [])
  const requirement = offers.find(offer => mismatchOf(offer, terms, capAtomic) === null)
  if (requirement !== undefined) return { requirement, resource, extensions }
  const [offer] = offers
  if (offer === undefined) throw refused('accepts', 'a payment of scheme "exact"', 'something unreadable')
  throw refused(...(mismatchOf(offer, terms, capAtomic) ?? (['accepts', '', ''] as const)))
}

type Mismatch = readonly [field: string, promised: string, asked: string]

function mismatchOf(offer: PaymentRequirement, terms: PaidTerms, capAtomic: bigint): Mismatch | null {
  const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()
  const network = `eip155:${terms.chain.id}`
  if (offer.scheme !== 'exact') return ['scheme', 'exact', offer.scheme]
  if (offer.network !== network) return ['network', network, offer.network]
  if (!same(offer.asset, terms.usdc)) return ['asset', terms.usdc, offer.asset]
  if (!same(offer.payTo, terms.vault)) return ['payTo', terms.vault, offer.payTo]
  if (BigInt(offer.amount) !== capAtomic) return ['amount', capAtomic.toString(), offer.amount]
  if (offer.extra.name !== terms.usdcName) return ['extra.name', terms.usdcName, offer.extra.name ?? 'nothing']
  if (offer.extra.version !== terms.usdcVersion)
    return ['extra.version', terms.usdcVersion, offer.extra.version ?? 'nothing']
  const method = offer.extra.assetTransferMethod ?? 'eip3009'
  if (method !== 'eip3009') return ['extra.assetTransferMethod', 'eip3009', method]
  if (offer.maxTimeoutSeconds < 1 || offer.maxTimeoutSeconds > longestValiditySeconds)
    return ['maxTimeoutSeconds', `1 to ${longestValiditySeconds}`, String(offer.maxTimeoutSeconds)]
  return null
}

function refused(field: string, promised: string, asked: string): ComputePoolError {
  const message = `The server asked for another payment than its terms promise: ${field} should be ${promised}, it is ${asked.slice(0, 80)}.`
  return new ComputePoolError('payment_challenge_invalid', message, {
    remedy: 'Nothing was signed and nothing was paid. Reload the page; if it repeats, do not pay here.',
    context: { field },
  })
}

function decodeHeader(header: string): unknown {
  if (header.length > longestHeader) return null
  try {
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(header), char => char.charCodeAt(0))))
  } catch {
    return null
  }
}
