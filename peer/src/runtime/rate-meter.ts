/** Tokens a second over the last seconds of work, from a counter that is read now and then. */

const windowMs = 5000

export interface RateMeter {
  count(atMs: number, total: number): void
  /** Null where nothing was counted lately. */
  perSecond(): number | null
}

export function createRateMeter(): RateMeter {
  let readings: { readonly atMs: number; readonly total: number }[] = []
  return {
    count(atMs, total) {
      readings = [...readings.filter(reading => reading.atMs >= atMs - windowMs), { atMs, total }]
    },
    perSecond() {
      const first = readings[0]
      const last = readings.at(-1)
      if (first === undefined || last === undefined || last.total === first.total) return null
      return ((last.total - first.total) * 1000) / (last.atMs - first.atMs)
    },
  }
}
