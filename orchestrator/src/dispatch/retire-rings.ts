/**
 * When a ring that drains may let its seats go: once its last answer has ended, or, where it makes room for a faster ring, after some
 * patience. It dissolves nothing, and knows no peer.
 */
import type { Clock } from '@computepool/shared/ports'
import { isRetiring, isRingDraining, livingCoalitions, type SwarmState } from '@computepool/shared/swarm'

export interface Retirement {
  /** Epoch of a ring whose seats may go now; null where there is none. `runningOn`: answers under way, by epoch. */
  drained(state: SwarmState, runningOn: (epoch: number) => number): number | null
}

/** A ring that makes room for a faster one finishes what ends in this time. */
const retirePatienceMs = 10_000

export function createRetirement(clock: Clock): Retirement {
  /** Since when, by epoch. */
  const retiring = new Map<number, number>()
  return {
    drained: (state, runningOn) => {
      const now = clock.monotonicMs()
      const living = livingCoalitions(state)
      for (const ring of living) if (isRetiring(state, ring) && !retiring.has(ring.epoch)) retiring.set(ring.epoch, now)
      for (const epoch of retiring.keys()) if (!living.some(ring => ring.epoch === epoch)) retiring.delete(epoch)
      // A long answer is moved, so that others need not wait for it.
      const isOverdue = (epoch: number): boolean => now - (retiring.get(epoch) ?? now) > retirePatienceMs
      const idle = living.find(
        ring => isRingDraining(state, ring) && (runningOn(ring.epoch) === 0 || isOverdue(ring.epoch)),
      )
      return idle?.epoch ?? null
    },
  }
}
