/** What desk and operators say about stakes and standing: terms to sign, words that were signed, and what the pool thinks of an operator and why. */
import { z } from 'zod'

const wholeNumber = z.string().regex(/^(0|[1-9][0-9]{0,77})$/)
const hash32 = z.string().regex(/^0x[0-9a-f]{64}$/)
const address = z.string().regex(/^0x[0-9a-f]{40}$/)
const signature = z.string().regex(/^0x(?:[0-9a-f]{2}){65,2048}$/)
const count = z.int().min(0).max(0xffff_ffff)
const words = z.string().max(1000)

/** `CoalitionTerms` as JSON: whole numbers over 32 bits as decimal strings. */
export const termsJsonSchema = z.strictObject({
  modelDigest: hash32,
  layers: z.int().min(0).max(0xffff),
  pool: address,
  vault: address,
  pricePerSecondAtomic: wholeNumber,
  stakeAtomic: wholeNumber,
  proposalEndsAt: wholeNumber,
  endsAt: wholeNumber,
  version: count,
  id: wholeNumber,
  salt: hash32,
  parties: z
    .array(
      z.strictObject({
        operator: address,
        firstLayer: z.int().min(0).max(0xffff),
        endLayer: z.int().min(0).max(0xffff),
        units: count,
      }),
    )
    .min(1)
    .max(32),
})
export type TermsJson = z.infer<typeof termsJsonSchema>

export const trustCommands = [
  /** Operator: sign these terms, or say why not. The stake too, unless one lies there already. */
  z.strictObject({
    type: z.literal('terms-offered'),
    terms: termsJsonSchema,
    /** The registry and its token: what the words are signed for. */
    place: z.strictObject({
      chainId: z.int().positive(),
      coalition: address,
      usdc: address,
      usdcName: z.string().max(100),
      usdcVersion: z.string().max(20),
    }),
    needsStake: z.boolean(),
    /** Unix seconds of the chain: until when the stake's authorization is to hold. */
    validBefore: wholeNumber,
  }),
  /** Operator: how its stake stands. */
  z.strictObject({
    type: z.literal('stake-told'),
    /** `unstaked`: the pool asks for none. */
    state: z.enum(['unstaked', 'none', 'offered', 'signed', 'staked', 'unbonding', 'slashed']),
    coalition: wholeNumber.nullable(),
    /** Of that coalition's terms in force: what a word of leaving names. */
    version: count.optional(),
    amountAtomic: wholeNumber,
    /** While it unbonds: milliseconds since 1970 at which it can be taken back. */
    untilMs: z.number().nonnegative().optional(),
    words,
  }),
  /** Operator: what it weighs, and why. The last changes, newest first. */
  z.strictObject({
    type: z.literal('standing-told'),
    weight: z.number().min(0).max(1),
    trust: z.number().min(0).max(1),
    checkRate: z.number().min(0).max(1),
    served: z.number().min(0).max(1e12),
    checked: z.number().min(0).max(1e12),
    failed: z.number().min(0).max(1e12),
    leftEarly: z.number().min(0).max(1e12),
    /** How often a slice that it held without a seat was challenged, and how often it met what others computed; absent: never. */
    challenged: count.optional(),
    challengesMet: count.optional(),
    changes: z
      .array(
        z.strictObject({
          atMs: z.number().nonnegative(),
          weightBefore: z.number().min(0).max(1),
          weightAfter: z.number().min(0).max(1),
          reason: words,
        }),
      )
      .max(20),
  }),
] as const

export const trustRequests = [
  z.strictObject({
    type: z.literal('terms-signed'),
    /** Salt and version of the terms that were offered: which answer this is. */
    salt: hash32,
    version: count,
    termsSignature: signature,
    validAfter: wholeNumber,
    validBefore: wholeNumber,
    /** `0x` where no stake was needed. */
    stakeSignature: z.union([z.literal('0x'), signature]),
  }),
  z.strictObject({ type: z.literal('terms-refused'), salt: hash32, version: count, words }),
  /** With `peer-leaving`: its word that it leaves that coalition, so that its stake unbonds from now on. */
  z.strictObject({ type: z.literal('leave-signed'), id: wholeNumber, version: count, signature }),
] as const
