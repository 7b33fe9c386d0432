/**
 * Which caches the rings' tabs may still hold, and of what text, so that a conversation's next turn begins with its last one's. It holds
 * no cache: a tab may have given one up, and says so when it is asked for.
 */
import type { CacheReuse } from '@computepool/shared/pipeline'
import type { Clock } from '@computepool/shared/ports'

export interface KeptCaches {
  /** These positions were computed by a request that is over. */
  note(kept: { epoch: number; scope: string; requestId: string; tokens: readonly number[] }): void
  /**
   * The cache of that ring and scope that begins like `tokens` for longest; null where none is worth it. One of more positions than
   * `reserved` for the new request is left to the conversation that it belongs to.
   */
  find(epoch: number, scope: string, tokens: readonly number[], reserved?: number): CacheReuse | null
  /** It is another request's from now on. */
  take(requestId: string): void
  /** Forgets the caches of all rings but these. */
  keepOnly(epochs: ReadonlySet<number>): void
}

interface Entry {
  readonly epoch: number
  readonly scope: string
  readonly tokens: Uint32Array
  readonly atMs: number
}

/** Shorter ones save less than they may cost. */
const leastPositions = 32
const mostEntries = 256
const mostBytes = 16 << 20
const lifeMs = 600_000

/** `mayOffer`: not of a request that the new one could not be checked upon. */
export function createKeptCaches(clock: Clock, mayOffer: (requestId: string) => boolean = () => true): KeptCaches {
  /** Oldest first. */
  const entries = new Map<string, Entry>()
  let bytes = 0
  const drop = (requestId: string): void => {
    bytes -= entries.get(requestId)?.tokens.byteLength ?? 0
    entries.delete(requestId)
  }
  const trim = (): void => {
    for (const [requestId, { atMs }] of entries) {
      const isTooMuch = entries.size > mostEntries || bytes > mostBytes
      if (!isTooMuch && clock.monotonicMs() - atMs < lifeMs) return
      drop(requestId)
    }
  }
  return {
    note: ({ epoch, scope, requestId, tokens }) => {
      if (tokens.length < leastPositions) return
      drop(requestId)
      const entry = { epoch, scope, tokens: Uint32Array.from(tokens), atMs: clock.monotonicMs() }
      entries.set(requestId, entry)
      bytes += entry.tokens.byteLength
      trim()
    },
    find: (epoch, scope, tokens, reserved = Number.POSITIVE_INFINITY) => {
      trim()
      let best: CacheReuse | null = null
      for (const [requestId, entry] of entries) {
        if (entry.epoch !== epoch || entry.scope !== scope || entry.tokens.length > reserved) continue
        const positions = commonPrefix(entry.tokens, tokens)
        // Of equals the newest: tabs give up the oldest first.
        if (positions >= (best?.positions ?? leastPositions) && mayOffer(requestId)) best = { requestId, positions }
      }
      return best
    },
    take: drop,
    keepOnly: epochs => {
      for (const [requestId, { epoch }] of entries) if (!epochs.has(epoch)) drop(requestId)
    },
  }
}

/** At least one token must be left to compute: a draw needs its row. */
function commonPrefix(kept: Uint32Array, tokens: readonly number[]): number {
  const most = Math.min(kept.length, tokens.length - 1)
  let length = 0
  while (length < most && kept[length] === tokens[length]) length++
  return length
}
