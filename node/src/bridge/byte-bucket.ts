/** A token bucket whose tokens are bytes: `burst` at once, `perSecond` in the long run. Time arrives with the call. */

export interface ByteBucket {
  /** Takes all of `amount` or, where so much is not there, nothing. */
  take(amount: number, nowMs: number): boolean
}

export function createByteBucket(burst: number, perSecond: number): ByteBucket {
  let tokens = burst
  let lastMs: number | null = null
  return {
    take(amount, nowMs) {
      tokens = Math.min(burst, tokens + ((nowMs - (lastMs ?? nowMs)) * perSecond) / 1000)
      lastMs = nowMs
      if (tokens < amount) return false
      tokens -= amount
      return true
    },
  }
}
