/**
 * Who signed a stake and had it no more when it was to be drawn, and how long nobody is asked for a stake beside it: longer each time. Others
 * gave authorizations for nothing, so it is on the disk before new terms are made. It knows no ring.
 */
import type { SpentRecord, StakeBook } from './stake-book.ts'

export interface SpentStakes {
  /** Once, before anything is asked. */
  load(): Promise<void>
  /** Resolves, when it is kept, with the end of its quiet time. */
  spent(operator: string): Promise<number>
  /** The end of its quiet time; null where it has none now. */
  quietUntilMs(operator: string): number | null
  /** Lately, quiet or not: it is asked before others. */
  hasSpent(operator: string): boolean
}

export interface SpentStakesOptions {
  readonly book: Pick<StakeBook, 'spenders' | 'noteSpender'>
  readonly wallMs: () => number
  /** The first time, the second, and all after. */
  readonly quietMs: readonly number[]
}

/** So long after its quiet time one begins anew. */
const forgottenAfterMs = 7 * 86_400_000
/** Each of them once held a stake. */
const mostWallets = 4096

export function createSpentStakes({ book, wallMs, quietMs }: SpentStakesOptions): SpentStakes {
  let spenders = new Map<string, SpentRecord>()
  const recordOf = (operator: string): SpentRecord | null => {
    const found = spenders.get(operator)
    return found === undefined || wallMs() > found.untilMs + forgottenAfterMs ? null : found
  }
  return {
    load: async () => {
      const kept = await book.spenders(wallMs() - forgottenAfterMs)
      spenders = new Map(kept.slice(-mostWallets).map(record => [record.operator, record]))
    },
    spent: async operator => {
      const times = (recordOf(operator)?.times ?? 0) + 1
      const untilMs = wallMs() + quietMs[Math.min(times, quietMs.length) - 1]!
      const record = { operator, times, untilMs }
      spenders.delete(operator)
      spenders.set(operator, record)
      if (spenders.size > mostWallets) spenders.delete(spenders.keys().next().value!)
      await book.noteSpender(record)
      return untilMs
    },
    quietUntilMs: operator => {
      const untilMs = recordOf(operator)?.untilMs ?? 0
      return untilMs > wallMs() ? untilMs : null
    },
    hasSpent: operator => recordOf(operator) !== null,
  }
}
