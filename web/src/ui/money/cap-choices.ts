/** Caps to offer: a few round amounts within what the terms allow. Pure; atomic units. */
import type { PaidTerms } from '@computepool/shared/money'

const round = [100_000n, 250_000n, 500_000n, 1_000_000n, 2_000_000n, 5_000_000n, 10_000_000n, 50_000_000n]
const most = 4

export function capChoices({ minCapAtomic, maxCapAtomic }: Pick<PaidTerms, 'minCapAtomic' | 'maxCapAtomic'>): bigint[] {
  const fitting = round.filter(cap => cap >= minCapAtomic && cap <= maxCapAtomic).slice(0, most)
  return fitting.length > 0 ? fitting : [...new Set([minCapAtomic, maxCapAtomic])]
}
