/**
 * Amounts of money as integers. USDC counts 6 decimals (atomic units), its super token 18 (wei); one atomic unit is 10¹² wei.
 * It knows no chain.
 */
import { z } from 'zod'

/** Wei of the super token in one atomic unit of USDC. */
export const weiPerAtomic = 1_000_000_000_000n

const mostAtomic = 10n ** 30n

/** A JSON amount: a decimal string, since a JSON number would lose the lower digits. */
export const atomicSchema = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,30})$/)
  .transform(BigInt)
  .refine(amount => amount <= mostAtomic, 'is more than all the money there is')

/** Wei as a decimal string; may be negative (a net flow). */
export const weiSchema = z
  .string()
  .regex(/^-?(0|[1-9][0-9]{0,48})$/)
  .transform(BigInt)

export const atomicToWei = (amountAtomic: bigint): bigint => amountAtomic * weiPerAtomic

/** Rounds towards zero: what is not a whole atomic unit cannot be paid out in USDC. */
export const weiToAtomicFloor = (amountWei: bigint): bigint => amountWei / weiPerAtomic

/** What a request owes: price × milliseconds, rounded down to the atomic unit, in the payer's favour. */
export function requestCostAtomic(pricePerSecondAtomic: bigint, meteredMs: bigint): bigint {
  return (pricePerSecondAtomic * meteredMs) / 1000n
}
