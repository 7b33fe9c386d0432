/**
 * How a payer who lost a session's token gets it back: what their wallet signs, and what goes over the wire. It knows neither keys nor
 * clock; EIP-712's hash is made by who signs and by who checks.
 */
import { z } from 'zod'
import { atomicSchema } from './amounts.ts'
import { addressSchema, hashSchema, openedSessionSchema } from './money-views.ts'

/** How far from the server's clock a signature's time may lie, either way. */
export const recoveryWindowSeconds = 300
/** Sessions that one signature gives back at most, newest first. */
export const mostRecovered = 10

/** `POST /v1/sessions/recover`. */
export const recoverySchema = z.strictObject({
  payer: addressSchema,
  /** Of the page that asked for the signature; absent: the server's own address. */
  origin: z.string().min(8).max(300).optional(),
  /** Seconds since 1970. */
  issuedAt: z
    .number()
    .int()
    .positive()
    .max(2 ** 40),
  /** Of a smart wallet it may be long. */
  signature: z.string().regex(/^0x(?:[0-9a-fA-F]{2}){65,4096}$/),
})
export type Recovery = z.infer<typeof recoverySchema>

/** Its answer. */
export const recoveredSchema = z.object({ sessions: z.array(openedSessionSchema).max(mostRecovered) })
export type Recovered = z.infer<typeof recoveredSchema>

/** `GET /v1/sessions/of/:payer`: what the chain tells everybody of a payer's open sessions. */
export const payerSessionsSchema = z.object({
  sessions: z
    .array(z.object({ id: hashSchema, capAtomic: atomicSchema, expiresAt: z.number().int() }))
    .max(mostRecovered),
})
export type PayerSessions = z.infer<typeof payerSessionsSchema>

export interface RecoveryTerms {
  readonly chainId: number
  readonly vault: `0x${string}`
  readonly payer: `0x${string}`
  readonly origin: string
  readonly issuedAt: number
}

/** What is signed, as EIP-712 typed data: for this vault, this page, this moment. It moves no money. */
export function recoveryTypedData({ chainId, vault, payer, origin, issuedAt }: RecoveryTerms) {
  return {
    domain: { name: 'ComputePool', version: '1', chainId, verifyingContract: vault },
    types: {
      RecoverSessions: [
        { name: 'purpose', type: 'string' },
        { name: 'payer', type: 'address' },
        { name: 'origin', type: 'string' },
        { name: 'issuedAt', type: 'uint64' },
      ],
    },
    primaryType: 'RecoverSessions',
    message: {
      purpose: 'Give this page the keys of my open sessions. Nothing is paid.',
      payer,
      origin,
      issuedAt: BigInt(issuedAt),
    },
  } as const
}
