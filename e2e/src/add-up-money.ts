/** Do the sums come out? What payers paid, got back, and operators earned, to the last unit. It reads nothing; figures come in. */
import { atomicToWei } from '@computepool/shared/money'

export interface MoneyFigures {
  readonly capAtomic: bigint
  readonly paidAtomic: bigint
  readonly refundedAtomic: bigint
  /** What each operator received, by the chain. */
  readonly earnedWei: readonly bigint[]
  /** What operators have beyond the dues, out of the vault's reserve. */
  readonly advancedWei: bigint
  /** What operators are still owed. */
  readonly owedWei: bigint
}

/** Null where all adds up; else what does not, with the figures. */
export function whatDoesNotAddUp(figures: MoneyFigures): string | null {
  const { capAtomic, paidAtomic, refundedAtomic, advancedWei, owedWei } = figures
  if (paidAtomic + refundedAtomic !== capAtomic) {
    return `Paid ${paidAtomic} and refunded ${refundedAtomic} do not make up the cap of ${capAtomic} atomic units.`
  }
  const earnedWei = sum(figures.earnedWei)
  const expectedWei = atomicToWei(paidAtomic) + advancedWei - owedWei
  if (earnedWei === expectedWei) return null
  return (
    `Operators earned ${earnedWei} wei, ${earnedWei - expectedWei} away from what was paid (${atomicToWei(paidAtomic)}) ` +
    `plus what the reserve advanced (${advancedWei}) less what is still owed (${owedWei}).`
  )
}

/** `total` in shares by weight that sum up to it exactly: rounded down, then one unit more by the largest remainders, earlier first. */
export function shareByLargestRemainder(total: bigint, weights: readonly bigint[]): bigint[] {
  const all = sum(weights)
  if (all === 0n) return weights.map(() => 0n)
  const shares = weights.map(weight => (total * weight) / all)
  const byRemainder = weights
    .map((weight, at) => ({ at, remainder: (total * weight) % all }))
    .sort((a, b) => (a.remainder === b.remainder ? a.at - b.at : a.remainder > b.remainder ? -1 : 1))
  const left = Number(total - sum(shares))
  for (const { at } of byRemainder.slice(0, left)) shares[at]!++
  return shares
}

const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n)
