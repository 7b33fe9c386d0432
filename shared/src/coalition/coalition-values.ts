/**
 * The values that a coalition on the chain is told in: addresses, hashes, amounts, and the names of its states, reasons and verdicts in
 * the contract's order. It knows no chain and hashes nothing.
 */
import { z } from 'zod'

export type Hex = `0x${string}`

const bounded = (bits: number) => {
  const most = 2n ** BigInt(bits) - 1n
  return z
    .union([
      z.bigint(),
      z
        .string()
        .regex(/^(0|[1-9][0-9]{0,77})$/)
        .transform(BigInt),
    ])
    .refine(value => value >= 0n && value <= most, `is no uint${bits}`)
}

/** Lower case, so that one address is one text; a checksum in mixed case is not looked at. */
export const addressValueSchema = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/)
  .transform(value => value.toLowerCase() as Hex)

export const hash32Schema = z
  .string()
  .regex(/^0x[0-9a-fA-F]{64}$/)
  .transform(value => value.toLowerCase() as Hex)

/** 65 bytes of a key; a smart wallet's may be longer. */
export const signatureSchema = z
  .string()
  .regex(/^0x(?:[0-9a-fA-F]{2}){65,4096}$/)
  .transform(value => value.toLowerCase() as Hex)

export const emptySignature = '0x'
/** `0x` where there is none: a stake that lies in the contract already needs no authorization. */
export const optionalSignatureSchema = z.union([z.literal(emptySignature), signatureSchema])

export const uint16Schema = z.int().min(0).max(0xffff)
export const uint32Schema = z.int().min(0).max(0xffff_ffff)
/** Over 32 bits: bigint; in JSON a decimal string. */
export const uint64Schema = bounded(64)
export const uint96Schema = bounded(96)
export const uint256Schema = bounded(256)

/** `State`, in the contract's order. */
export const coalitionStates = ['none', 'proposed', 'active', 'ended'] as const
export type CoalitionState = (typeof coalitionStates)[number]

/** `Reason`, in the contract's order: what a party is accused of. */
export const breachReasons = ['wrong-output', 'broken-receipts', 'withheld', 'false-witness'] as const
export type BreachReason = (typeof breachReasons)[number]
export const breachReasonSchema = z.enum(breachReasons)

/** The contract's number of a reason. */
export const reasonIndex = (reason: BreachReason): number => breachReasons.indexOf(reason)

/** `Verdict`, in the contract's order. */
export const disputeVerdicts = ['open', 'guilty', 'innocent', 'undecided'] as const
export type DisputeVerdict = (typeof disputeVerdicts)[number]

/** Where no session of a payer was harmed. */
export const noSession: Hex = `0x${'0'.repeat(64)}`
