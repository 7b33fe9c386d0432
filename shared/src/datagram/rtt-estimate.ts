/** The round trip as RFC 9002 (section 5) estimates it, and the least of the last while, which says what the way itself takes. */

export interface RttEstimate {
  /** `delayMs`: how long the other side says that it sat on its ack; no more is believed than it may. */
  note(sampleMs: number, delayMs: number, nowMs: number): void
  /** Null before the first sample. */
  readonly leastMs: number | null
  readonly smoothedMs: number
  readonly latestMs: number
  /** How long to wait for an ack before asking for one (probe timeout, section 6.2), without back-off. */
  readonly probeTimeoutMs: number
}

/** RFC 9002, 6.2.2. */
const initialRttMs = 333
/** Timers of hosts are no finer. */
const granularityMs = 1
/** As WebRTC links measure: long enough that a step of the other side's engine ends in it. */
const keptMs = 2000
const keptSamples = 8

/** `maxAckDelayMs`: the longest that the other side may sit on an ack. */
export function createRttEstimate(maxAckDelayMs: number): RttEstimate {
  const samples: { readonly atMs: number; readonly rttMs: number }[] = []
  let smoothedMs = initialRttMs
  let varianceMs = initialRttMs / 2
  let latestMs = initialRttMs
  let minMs = Number.POSITIVE_INFINITY

  return {
    note(sampleMs, toldDelayMs, nowMs) {
      // Else a peer says that its way takes no time.
      const delayMs = Math.min(toldDelayMs, maxAckDelayMs)
      const isFirst = minMs === Number.POSITIVE_INFINITY
      minMs = Math.min(minMs, sampleMs)
      const adjustedMs = sampleMs - delayMs >= minMs ? sampleMs - delayMs : sampleMs
      latestMs = sampleMs
      if (isFirst) {
        smoothedMs = sampleMs
        varianceMs = sampleMs / 2
      } else {
        varianceMs = 0.75 * varianceMs + 0.25 * Math.abs(smoothedMs - adjustedMs)
        smoothedMs = 0.875 * smoothedMs + 0.125 * adjustedMs
      }
      samples.push({ atMs: nowMs, rttMs: Math.max(0, sampleMs - delayMs) })
      while (samples.length > keptSamples && samples[0]!.atMs < nowMs - keptMs) samples.shift()
      // A burst of acks: the newest are enough.
      if (samples.length > 64) samples.shift()
    },
    get leastMs() {
      return samples.length === 0 ? null : samples.reduce((least, { rttMs }) => Math.min(least, rttMs), Infinity)
    },
    get smoothedMs() {
      return smoothedMs
    },
    get latestMs() {
      return latestMs
    },
    get probeTimeoutMs() {
      return smoothedMs + Math.max(4 * varianceMs, granularityMs) + maxAckDelayMs
    },
  }
}
