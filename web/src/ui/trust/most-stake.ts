/** How much an operator's key may stake by itself within a day: what the reader wrote, else a usual amount. Pure. */
import { parseUsdc } from '../format/format-money.ts'

/** `free`: no money moves here. `none`: the pool asks for no stake now. Else what it asks of each member, atomic USDC. */
export type AskedStake = 'free' | 'none' | bigint

/** Terms that come to nothing, because a member went, are offered anew; a key cannot tell whether a stake that it signed was taken. */
const usualTimes = 5n
/** Where nothing is asked yet: the runtime's own limit, 25 USDC. */
const usualLaterAtomic = 25_000_000n

export function usualMost(asked: AskedStake): bigint {
  if (asked === 'free') return 0n
  return asked === 'none' ? usualLaterAtomic : asked * usualTimes
}

/** Null where the text is no amount. */
export function mostStakeOf(mostText: string, asked: AskedStake): bigint | null {
  return asked === 'free' || mostText.trim() === '' ? usualMost(asked) : parseUsdc(mostText)
}
