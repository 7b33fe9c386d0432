/**
 * Money as the API tells it: terms, a session, its receipt, an operator's earnings. Amounts travel as decimal strings; parsing turns
 * them into bigint. It knows neither chain nor database.
 */
import { z } from 'zod'
import { atomicSchema, weiSchema } from './amounts.ts'

export const addressSchema = z.string().regex(/^0x[0-9a-fA-F]{40}$/)
export const hashSchema = z.string().regex(/^0x[0-9a-f]{64}$/)

const atMs = z.number().int().nonnegative()

/** `GET /api/money`: what work costs here, and where the contracts are. */
export const moneyTermsSchema = z.discriminatedUnion('mode', [
  z.object({ mode: z.literal('free') }),
  z.object({
    mode: z.literal('paid'),
    chain: z.object({
      id: z.number().int(),
      name: z.string(),
      /** Where a page may read the chain itself. */
      rpcUrl: z.string(),
      explorerUrl: z.string().nullable(),
      /** True: an anvil of this orchestrator; its money is test money. */
      isEmbedded: z.boolean(),
    }),
    usdc: addressSchema,
    usdcName: z.string(),
    usdcVersion: z.string(),
    usdcx: addressSchema,
    vault: addressSchema,
    pool: addressSchema,
    gdaForwarder: addressSchema,
    /** Of one running request. */
    pricePerSecondAtomic: atomicSchema,
    leaseSeconds: z.number().int(),
    /** Superfluid's liquidation period: a stream locks its rate times this, from the coalition's reserve. */
    bufferSeconds: z.number().int(),
    bufferPerRequestAtomic: atomicSchema,
    reserveFreeAtomic: atomicSchema,
    minCapAtomic: atomicSchema,
    maxCapAtomic: atomicSchema,
    /** The cap of a request that is paid by its own voucher. */
    requestCapAtomic: atomicSchema,
    hasFaucet: z.boolean(),
  }),
])
export type MoneyTerms = z.infer<typeof moneyTermsSchema>
export type PaidTerms = Extract<MoneyTerms, { mode: 'paid' }>

/** `closing` waits for the chain; `refused`: the voucher was no good and nothing moved. */
export const sessionStateSchema = z.enum(['opening', 'open', 'streaming', 'closing', 'closed', 'refused'])
export type SessionStatus = z.infer<typeof sessionStateSchema>

/** A payer's session, as of `atMs`; between two views, spent grows by rate × time, up to the cap. */
export const sessionViewSchema = z.object({
  id: hashSchema,
  payer: addressSchema,
  status: sessionStateSchema,
  capAtomic: atomicSchema,
  /** What the meter has counted by `atMs`, running requests included. */
  spentAtomic: atomicSchema,
  /** capAtomic − spentAtomic; once closed, what was sent back. */
  refundableAtomic: atomicSchema,
  pricePerSecondAtomic: atomicSchema,
  runningRequests: z.number().int().nonnegative(),
  /** What the chain streams now, of this session. */
  rateWei: weiSchema,
  /** Superfluid's deposit of the stream now, out of the coalition's reserve. */
  bufferAtomic: atomicSchema,
  /** Seconds since 1970; null while nothing streams. */
  leaseUntil: z.number().int().nullable(),
  /** After it anyone may close the session, and the rest goes back to the payer. */
  expiresAt: z.number().int(),
  openTransaction: hashSchema.nullable(),
  closeTransaction: hashSchema.nullable(),
  atMs,
})
export type SessionView = z.infer<typeof sessionViewSchema>

export const moneyTransactionSchema = z.object({
  kind: z.enum(['open', 'set', 'close', 'units', 'reap']),
  hash: hashSchema,
  blockNumber: z.number().int().nullable(),
  atMs: atMs.nullable(),
})
export type MoneyTransaction = z.infer<typeof moneyTransactionSchema>

/** `GET /v1/sessions/current/receipt`. */
export const receiptSchema = z.object({
  session: sessionViewSchema,
  requests: z.array(
    z.object({
      requestId: z.string(),
      startedAtMs: atMs,
      meteredMs: z.number().int().nonnegative(),
      costAtomic: atomicSchema,
      tokens: z.number().int().nonnegative(),
      stoppedBy: z.string().nullable(),
    }),
  ),
  paidAtomic: atomicSchema,
  refundedAtomic: atomicSchema,
  /** Paid to this payer out of the stakes of operators convicted over this session; absent where none was. */
  refundedBySlashAtomic: atomicSchema.optional(),
  transactions: z.array(moneyTransactionSchema),
})
export type Receipt = z.infer<typeof receiptSchema>

/** `POST /v1/sessions`, once paid. */
export const openedSessionSchema = z.object({ session: sessionViewSchema, token: z.string().min(20).max(200) })
export type OpenedSession = z.infer<typeof openedSessionSchema>

/** `GET /api/operators/:address/earnings`. Live balance and flow rate are read from the chain. */
export const earningsSchema = z.object({
  operator: addressSchema,
  units: z.number().int().nonnegative(),
  totalUnits: z.number().int().nonnegative(),
  pool: addressSchema,
  isConnected: z.boolean(),
  receivedWei: weiSchema,
  perSecondWei: weiSchema,
  /** UTC days, oldest first; at most 90. */
  days: z.array(z.object({ day: z.string().regex(/^\d{4}-\d\d-\d\d$/), amountWei: weiSchema })),
  /** This operator's share of the latest requests by its units, newest first; at most 100. */
  requests: z.array(z.object({ requestId: z.string(), atMs, amountWei: weiSchema })),
})
export type Earnings = z.infer<typeof earningsSchema>

/** JSON.stringify's replacer: bigint as the decimal strings that the schemas read. */
export const bigintAsString = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? value.toString() : value
