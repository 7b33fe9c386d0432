/** Wallets whose receipts did not meet a neighbour's of late: one of the two lied, so each attempt of both is checked. It bars nobody. */
import type { Clock } from '@computepool/shared/ports'

export interface Suspects {
  noted(operators: readonly string[]): void
  isSuspect(operator: string): boolean
}

const withinMs = 24 * 3_600_000
const mostWallets = 4096

export function createSuspects(clock: Pick<Clock, 'monotonicMs'>): Suspects {
  /** Since when; the latest last. */
  const since = new Map<string, number>()
  return {
    noted: operators => {
      for (const operator of operators) {
        since.delete(operator)
        since.set(operator, clock.monotonicMs())
      }
      while (since.size > mostWallets) since.delete(since.keys().next().value!)
    },
    isSuspect: operator => {
      const atMs = since.get(operator)
      return atMs !== undefined && clock.monotonicMs() - atMs <= withinMs
    },
  }
}
