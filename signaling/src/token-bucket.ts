/** A token bucket: `burst` at once, `perSecond` in the long run. Time arrives with the call; it knows nobody's clock. */

export interface Rate {
  readonly burst: number
  readonly perSecond: number
}

export interface TokenBucket {
  /** Takes one token; false where none is left. */
  take(nowMs: number): boolean
  /** True where the bucket has been idle long enough to be full again, and so can be forgotten. */
  isFull(nowMs: number): boolean
}

export function createTokenBucket({ burst, perSecond }: Rate, nowMs: number): TokenBucket {
  let tokens = burst
  let lastMs = nowMs
  const refill = (now: number): void => {
    tokens = Math.min(burst, tokens + ((now - lastMs) * perSecond) / 1000)
    lastMs = now
  }
  return {
    take(now) {
      refill(now)
      if (tokens < 1) return false
      tokens -= 1
      return true
    },
    isFull(now) {
      refill(now)
      return tokens >= burst
    },
  }
}

/** One bucket a key; full buckets are dropped, so that passers-by leave nothing behind. */
export function createKeyedBuckets(rate: Rate): { take(key: string, nowMs: number): boolean; readonly size: number } {
  const buckets = new Map<string, TokenBucket>()
  let sweepAtMs = Number.NEGATIVE_INFINITY
  return {
    take(key, nowMs) {
      if (nowMs >= sweepAtMs) {
        for (const [name, bucket] of buckets) if (bucket.isFull(nowMs)) buckets.delete(name)
        sweepAtMs = nowMs + 10_000
      }
      const bucket = buckets.get(key) ?? createTokenBucket(rate, nowMs)
      buckets.set(key, bucket)
      return bucket.take(nowMs)
    },
    get size() {
      return buckets.size
    },
  }
}
