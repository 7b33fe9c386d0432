/** Which requests fit the seats' caches together. It reserves the worst case before a request runs, so that none dies for another. */
import type { Ring } from './ring.ts'

/** Caches are allocated in steps: powers of two from here on. */
const smallestCache = 256

/** Positions that a request of `tokens` positions reserves. */
export function reservedPositions(tokens: number, maxContext: number): number {
  let positions = smallestCache
  while (positions < tokens) positions *= 2
  return Math.min(positions, Math.max(maxContext, tokens))
}

export interface KvLedger {
  /** True where a request of `positions` fits beside those that run; a lone one always may try. */
  fits(ring: Ring, positions: number): boolean
  reserve(requestId: string, positions: number): void
  release(requestId: string): void
}

export function createKvLedger(): KvLedger {
  const reserved = new Map<string, number>()
  return {
    fits: (ring, positions) => {
      if (reserved.size === 0) return true
      const total = [...reserved.values()].reduce((sum, count) => sum + count, positions)
      return ring.seats.every(
        seat => total * ring.kvBytesPerPosition * (seat.layers.end - seat.layers.start) <= seat.kvBudgetBytes,
      )
    },
    reserve: (requestId, positions) => {
      reserved.set(requestId, positions)
    },
    release: requestId => {
      reserved.delete(requestId)
    },
  }
}
