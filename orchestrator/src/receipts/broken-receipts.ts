/**
 * Who stands at boundaries that do not meet again and again. A boundary blames both ends, and one of them may be honest: only who quarrels with several
 * others is the one, and only those count who have shown more than it: anybody can come with three new wallets.
 */
import type { Clock } from '@computepool/shared/ports'
import type { ReceiptFault } from '@computepool/shared/receipts'

export interface BrokenReceipts {
  /** Of one attempt: its boundaries that do not meet, as pairs of wallets. */
  quarrels(faults: readonly ReceiptFault[], walletOf: (seat: number) => string): Array<readonly [string, string]>
  /** Wallets that have now quarrelled with too many, each told once for so many. */
  noted(quarrels: ReadonlyArray<readonly [string, string]>): string[]
}

/** Half of the trust, earned by checks: whose word may bar somebody. */
const leastTrust = 0.5
/** Neighbours of as many other wallets. */
const mostOthers = 3
const withinMs = 24 * 3_600_000
const mostOperators = 4096

/** `trustOf`: of a wallet, in [0, 1). */
export function createBrokenReceipts(
  clock: Pick<Clock, 'monotonicMs'>,
  trustOf: (operator: string) => number,
): BrokenReceipts {
  /** By wallet, the latest last: with whom, and when. */
  const strikes = new Map<string, Map<string, number>>()
  const strike = (operator: string, other: string): boolean => {
    if (trustOf(other) < Math.max(leastTrust, trustOf(operator))) return false
    const nowMs = clock.monotonicMs()
    const fresh = [...(strikes.get(operator) ?? [])].filter(([, atMs]) => nowMs - atMs <= withinMs)
    const known = new Map(fresh).set(other, nowMs)
    strikes.delete(operator)
    if (known.size >= mostOthers) return true
    strikes.set(operator, known)
    if (strikes.size > mostOperators) strikes.delete(strikes.keys().next().value!)
    return false
  }
  return {
    quarrels: (faults, walletOf) => {
      // Somebody is wrong by itself already, or the desk did not hear all that its entry said: then neighbours of it need not be.
      if (faults.some(({ fault, seats }) => fault !== 'missing' && seats.length === 1)) return []
      return faults.flatMap(({ fault, seats: [a, b] }) => {
        if (fault !== 'broken' || a === undefined || b === undefined) return []
        const pair = [walletOf(a), walletOf(b)] as const
        return pair[0] === pair[1] ? [] : [pair]
      })
    },
    noted: quarrels => quarrels.flatMap(([a, b]) => [...(strike(a, b) ? [a] : []), ...(strike(b, a) ? [b] : [])]),
  }
}
