/**
 * Which requests fit the seats' caches together, ring by ring. It reserves the worst case before a request runs, so that none dies for
 * another. Caches that are kept for later do not count: they give way.
 */
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
  /** True where a request of `positions` fits beside those that run on the ring, but `without`; a lone one always may try. */
  fits(ring: Ring, positions: number, without?: ReadonlySet<string>): boolean
  reserve(epoch: number, requestId: string, positions: number): void
  release(requestId: string): void
  /** Requests that run on the ring. */
  count(epoch: number): number
}

export function createKvLedger(): KvLedger {
  const reserved = new Map<string, { readonly epoch: number; readonly positions: number }>()
  return {
    fits: (ring, positions, without) => {
      let others = 0
      let total = positions
      for (const [requestId, place] of reserved) {
        if (place.epoch !== ring.epoch || without?.has(requestId)) continue
        others++
        total += place.positions
      }
      if (others === 0) return true
      return ring.seats.every(
        seat => total * ring.kvBytesPerPosition * (seat.layers.end - seat.layers.start) <= seat.kvBudgetBytes,
      )
    },
    reserve: (epoch, requestId, positions) => {
      reserved.set(requestId, { epoch, positions })
    },
    release: requestId => {
      reserved.delete(requestId)
    },
    count: epoch => [...reserved.values()].filter(place => place.epoch === epoch).length,
  }
}
