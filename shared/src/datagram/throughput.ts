/** What a link carries in a second, from the frames that are large enough to tell: the median of the last few. No clock of its own. */

export interface Throughput {
  /** Bytes that took so long, the way itself (one round trip) not counted. Small ones are left out. */
  note(sizeBytes: number, durationMs: number): void
  /** Null before the first. */
  readonly bytesPerSecond: number | null
}

/** Smaller frames measure the round trip. */
export const leastThroughputBytes = 32 << 10
/** Clocks are no finer; what takes less is beyond what matters. */
const leastDurationMs = 0.1
const keptSamples = 9

export function createThroughput(): Throughput {
  const samples: number[] = []
  return {
    note(sizeBytes, durationMs) {
      if (sizeBytes < leastThroughputBytes) return
      samples.push((sizeBytes * 1000) / Math.max(leastDurationMs, durationMs))
      if (samples.length > keptSamples) samples.shift()
    },
    get bytesPerSecond() {
      const sorted = [...samples].sort((one, other) => one - other)
      return sorted[(sorted.length - 1) >> 1] ?? null
    },
  }
}
