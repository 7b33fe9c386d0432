/**
 * Money as the page writes it: an amount, a no-break space, its currency. Integers in, text out, never through floating point; every
 * cut is downwards, so that nothing is shown that is not there. Test money is called test money.
 */
const space = '\u202f'
const usdcDecimals = 6
const usdcxDecimals = 18

/** The currency's name to a reader. */
export const currencyName = (isTestMoney: boolean): string => (isTestMoney ? 'test USDC' : 'USDC')

/** `1234567` → `1.234567`; at least two decimals, no zeros behind them. Atomic units of USDC. */
export function plainAtomic(amountAtomic: bigint): string {
  return decimal(amountAtomic, usdcDecimals, usdcDecimals).replace(/(\.\d\d\d*?)0+$/, '$1')
}

/** Always six decimals: for what moves, so that nothing jumps. */
export const steadyAtomic = (amountAtomic: bigint): string => decimal(amountAtomic, usdcDecimals, usdcDecimals)

/** Wei of the super token, cut to nine decimals: a billionth of a dollar is the least an eye can follow. */
export const steadyWei = (amountWei: bigint): string => decimal(amountWei, usdcxDecimals, 9)

export function formatAtomic(amountAtomic: bigint, isTestMoney: boolean): string {
  return `${plainAtomic(amountAtomic)}${space}${currencyName(isTestMoney)}`
}

/** Cut to six decimals, as USDC would be paid out. */
export function formatWei(amountWei: bigint, isTestMoney: boolean): string {
  return formatAtomic(amountWei / 10n ** BigInt(usdcxDecimals - usdcDecimals), isTestMoney)
}

/** 0G's coin, cut to six decimals; what is less than their least says so. */
export function formatCoins(neuron: bigint): string {
  const shown = neuron > 0n && neuron < 10n ** 12n ? 'less than 0.000001' : plainAtomic(neuron / 10n ** 12n)
  return `${shown}${space}0G`
}

/** `0.5` → `500000`; null where it is no amount of USDC: a sign, a letter, a seventh decimal. */
export function parseUsdc(text: string): bigint | null {
  const parsed = /^\s*(\d{1,12})(?:[.,](\d{1,6}))?\s*$/.exec(text)
  if (parsed === null) return null
  const [, whole = '0', fraction = ''] = parsed
  return BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(usdcDecimals, '0'))
}

/** `0x1234…abcd`. */
export function shortHex(hex: string): string {
  return hex.length <= 14 ? hex : `${hex.slice(0, 6)}…${hex.slice(-4)}`
}

function decimal(amount: bigint, decimals: number, shown: number): string {
  const sign = amount < 0n ? '−' : ''
  const digits = (amount < 0n ? -amount : amount).toString().padStart(decimals + 1, '0')
  const whole = digits.slice(0, -decimals).replace(/\B(?=(\d{3})+$)/g, ',')
  return `${sign}${whole}.${digits.slice(-decimals).slice(0, shown)}`
}
