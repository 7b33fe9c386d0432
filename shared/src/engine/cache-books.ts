/**
 * Which request holds which cache: rewinding, the memory budget, and caches that stay when their request is over, for another to
 * begin with. It knows neither steps nor what a cache is made of.
 */
import { ComputePoolError } from '../errors/index.ts'
import type { EngineMemory, EngineRow } from '../ports/index.ts'
import type { SliceBackend } from './slice-backend.ts'

/** One cache, of a request that lives or of one that is over. */
export interface HeldCache<Cache> {
  cache: Cache
  capacity: number
  /** Positions that hold; what lies beyond them in the cache is stale. */
  length: number
  /** Of a request that has run no row since it took the cache over: it may be larger than what was planned for that request. */
  isTaken: boolean
}

export interface CacheBooks<Cache> {
  /** Positions that the request holds; 0 where it is not known. */
  lengthOf(requestId: string): number
  /** Gives the row's request the kept cache that it begins with, if it names one. Errors: `engine_prefix_missing`. */
  takeOver(row: EngineRow): void
  /** The request's cache, with room for `end` positions and cut back to `position`; a step may read it until `endStep`. */
  makeRoom(requestId: string, position: number, end: number): Promise<HeldCache<Cache>>
  /** Releases what was forgotten while a step could read it, and the caches that the step made for requests in `gone`. */
  endStep(gone: ReadonlySet<string>): void
  forget(requestId: string): void
  keep(requestId: string): void
  forgetAll(): void
  memory(): Omit<EngineMemory, 'weightsBytes'>
}

/** Kept caches take this share of the budget at most; the youngest stays whatever its size, since it fitted a moment ago. */
const keptShare = 0.5

export interface CacheBooksInput<Cache> {
  readonly backend: Pick<SliceBackend<Cache>, 'allocate' | 'cacheBytes' | 'capacityFor' | 'release' | 'resize'>
  readonly kvBudgetBytes: number
  readonly maxContext: number
}

/** Empty books over `backend`. */
export function createCacheBooks<Cache>({
  backend,
  kvBudgetBytes,
  maxContext,
}: CacheBooksInput<Cache>): CacheBooks<Cache> {
  const live = new Map<string, HeldCache<Cache>>()
  /** In the order in which they were kept. */
  const kept = new Map<string, HeldCache<Cache>>()
  const inStep = new Set<HeldCache<Cache>>()
  const dropped: HeldCache<Cache>[] = []

  const bytesOf = (held: HeldCache<Cache>) => backend.cacheBytes(held.capacity)
  function bytesIn(caches: ReadonlyMap<string, HeldCache<Cache>>): number {
    let bytes = 0
    for (const held of caches.values()) bytes += bytesOf(held)
    return bytes
  }

  function drop(caches: Map<string, HeldCache<Cache>>, requestId: string): void {
    const held = caches.get(requestId)
    if (held === undefined) return
    caches.delete(requestId)
    // A running step may still read the cache.
    if (inStep.has(held)) dropped.push(held)
    else backend.release(held.cache)
  }

  function dropOldest(): void {
    const [oldest] = kept.keys()
    drop(kept, oldest!)
  }

  return {
    lengthOf: requestId => live.get(requestId)?.length ?? 0,
    takeOver({ requestId, reuse }) {
      // A row that is sent again after a failed step finds that its request has the cache already.
      if (reuse === undefined || (live.get(requestId)?.length ?? 0) > 0) return
      const held = kept.get(reuse.requestId)
      if (held === undefined || held.length < reuse.positions)
        throw new ComputePoolError(
          'engine_prefix_missing',
          `${reuse.positions} positions of request ${reuse.requestId} are not kept here; ${held?.length ?? 'none'} are.`,
          {
            remedy: 'Send the request again from position 0.',
            context: { requestId, reusedRequestId: reuse.requestId, positions: reuse.positions },
          },
        )
      drop(live, requestId)
      kept.delete(reuse.requestId)
      held.length = reuse.positions
      held.isTaken = true
      live.set(requestId, held)
    },
    async makeRoom(requestId, position, end) {
      const held = live.get(requestId)
      if (held !== undefined) {
        held.length = Math.min(held.length, position)
        inStep.add(held)
      }
      const capacity = Math.min(backend.capacityFor(end), Math.max(end, maxContext))
      if (held !== undefined && held.capacity >= end && !(held.isTaken && held.capacity > capacity)) {
        held.isTaken = false
        return held
      }
      const others = bytesIn(live) - (held === undefined ? 0 : bytesOf(held))
      const needed = backend.cacheBytes(capacity)
      if (others + needed > kvBudgetBytes)
        throw new ComputePoolError(
          'engine_out_of_memory',
          `The cache of ${end} positions needs ${needed} bytes; ${others} of the budget of ${kvBudgetBytes} are taken.`,
          { remedy: 'Wait until another request ends, or give this tab fewer layers.', context: { requestId, needed } },
        )
      while (others + needed + bytesIn(kept) > kvBudgetBytes) dropOldest()
      if (held === undefined) {
        const fresh = { cache: await backend.allocate(capacity), capacity, length: 0, isTaken: false }
        live.set(requestId, fresh)
        inStep.add(fresh)
        return fresh
      }
      held.cache = await backend.resize(held.cache, { capacity, keep: held.length })
      held.capacity = capacity
      held.isTaken = false
      return held
    },
    endStep(gone) {
      inStep.clear()
      for (const requestId of gone) drop(live, requestId)
      for (const held of dropped.splice(0)) backend.release(held.cache)
    },
    forget(requestId) {
      drop(live, requestId)
      drop(kept, requestId)
    },
    keep(requestId) {
      const held = live.get(requestId)
      if (held === undefined) return
      if (held.length === 0) return drop(live, requestId)
      drop(kept, requestId)
      live.delete(requestId)
      kept.set(requestId, held)
      while (kept.size > 1 && bytesIn(kept) > keptShare * kvBudgetBytes) dropOldest()
    },
    forgetAll() {
      for (const caches of [live, kept]) for (const requestId of [...caches.keys()]) drop(caches, requestId)
    },
    memory() {
      const keptBytes = bytesIn(kept)
      return { kvBytes: bytesIn(live) + keptBytes, kvBudgetBytes, requests: live.size, keptBytes }
    },
  }
}
