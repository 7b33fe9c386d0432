/** How many packets may be under way: additive increase, multiplicative decrease (RFC 9002, section 7, counted in packets). */

export interface SendWindow {
  readonly size: number
  /** `isLimited`: the window was full when they were sent, so that their arrival says something about it. */
  noteAcked(count: number, isLimited: boolean): void
  /** Halves, once a round trip: losses among packets sent before the last halving are the same event. */
  noteLost(sentAtMs: number, nowMs: number): void
}

export interface SendWindowLimits {
  readonly initial: number
  readonly least: number
  readonly most: number
}

export function createSendWindow({ initial, least, most }: SendWindowLimits): SendWindow {
  let size = Math.min(initial, most)
  let threshold = most
  let recoveryMs = Number.NEGATIVE_INFINITY
  return {
    get size() {
      return Math.floor(size)
    },
    noteAcked(count, isLimited) {
      if (!isLimited) return
      size = Math.min(most, size + (size < threshold ? count : count / size))
    },
    noteLost(sentAtMs, nowMs) {
      if (sentAtMs <= recoveryMs) return
      recoveryMs = nowMs
      size = Math.max(least, size / 2)
      threshold = size
    },
  }
}
