/** USDC in words and as integers. One USDC is 1,000,000 atomic units; floats lose cents, so there are none. */
import { formatUnits } from 'viem'
import { PoolError } from './pool-error.ts'

const decimals = 6

/** A dollar amount such as '0.25', or atomic units as bigint. Errors: `refused`. */
export type Usdc = string | bigint

export function atomicOf(amount: Usdc): bigint {
  if (typeof amount === 'bigint' && amount > 0n) return amount
  const found = typeof amount === 'string' ? /^([0-9]{1,12})(?:\.([0-9]{1,6}))?$/.exec(amount) : null
  const atomic = found === null ? 0n : BigInt(`${found[1]}${(found[2] ?? '').padEnd(decimals, '0')}`)
  if (atomic > 0n) return atomic
  throw new PoolError({
    kind: 'refused',
    code: 'sdk_amount_invalid',
    message: `${JSON.stringify(String(amount))} is no amount of USDC.`,
    remedy: 'Give a string of dollars with up to six decimals, such as "0.25", or atomic units as a bigint.',
  })
}

/** '0.25' of 250000n. */
export const formatUsdc = (amountAtomic: bigint): string => formatUnits(amountAtomic, decimals)
