/**
 * How long the other side of a link may be silent: long while the link idles, for a slice that loads can hold up its thread; a few seconds
 * under traffic, where it was prompt before. Only time in which this side listened counts. It knows neither pings nor frames.
 */

export interface SilenceLimits {
  /** While nothing passes, and until the other side has shown how prompt it is. */
  readonly idleMs: number
  /** Under traffic: never less, and more for a side whose steps take long. */
  readonly busyMs: number
  /** Of the time between two looks, what counts at most: a thread that stood still for longer did not listen. */
  readonly lookMs: number
}

export interface SilenceJudge {
  noteTraffic(nowMs: number): void
  /** Anything of the other side arrived. */
  noteHeard(nowMs: number): void
  /** What passed before says nothing of what comes: there is a new assignment, and its slice may have to be loaded. */
  noteAssigned(): void
  /** To be called every so often; how long it was silent where that is too long, else null. */
  look(nowMs: number): number | null
}

/** Frames passed so shortly before it fell silent: it was at work. */
const leadMs = 1000
/**
 * Longest silences under traffic tell how long its steps take: those of late, and with less to spare those of minutes of work. A pause makes
 * nobody quicker, so the latter age by work alone.
 */
const lateSpanMs = 30_000
const lateFactor = 10
const oldSpanMs = 5 * 60_000
const oldFactor = 3
/** Words under traffic before it is known. */
const provenAfter = 20
/** After so long without traffic the first step may be a whole prompt's, and the other side hidden or cold: it has `freshFactor` times the least. */
const pauseMs = 5000
const freshFactor = 3

export function createSilenceJudge(limits: SilenceLimits, startMs: number): SilenceJudge {
  let lookedAtMs = startMs
  let heardAtMs = startMs
  let trafficAtMs = Number.NEGATIVE_INFINITY
  let silentMs = 0
  /** The part of it under traffic; and of that the part in which this side's thread was its own. */
  let busySilentMs = 0
  let attentiveMs = 0
  let busyWords = 0
  /** Of them, those since the last pause. */
  let freshWords = 0
  let workedMs = 0
  const late = longestOfTwoSpans(lateSpanMs, startMs)
  const old = longestOfTwoSpans(oldSpanMs, workedMs)

  const isBusy = (): boolean => trafficAtMs >= heardAtMs - leadMs
  function pass(nowMs: number): void {
    const sinceMs = nowMs - lookedAtMs
    const awakeMs = Math.min(sinceMs, limits.lookMs)
    lookedAtMs = nowMs
    silentMs += awakeMs
    if (!isBusy()) return
    busySilentMs += awakeMs
    workedMs += awakeMs
    if (sinceMs <= limits.lookMs) attentiveMs += sinceMs
  }
  function busyLimitMs(): number {
    if (busyWords < provenAfter) return limits.idleMs
    const leastMs = freshWords < provenAfter ? freshFactor * limits.busyMs : limits.busyMs
    return Math.min(limits.idleMs, Math.max(leastMs, lateFactor * late.longestMs, oldFactor * old.longestMs))
  }

  return {
    noteTraffic(nowMs) {
      if (nowMs - trafficAtMs >= pauseMs) freshWords = 0
      trafficAtMs = nowMs
    },
    noteHeard(nowMs) {
      pass(nowMs)
      if (isBusy()) {
        busyWords += 1
        freshWords += 1
        late.note(attentiveMs, nowMs)
        old.note(attentiveMs, workedMs)
      }
      heardAtMs = nowMs
      silentMs = 0
      busySilentMs = 0
      attentiveMs = 0
    },
    noteAssigned() {
      trafficAtMs = Number.NEGATIVE_INFINITY
      busySilentMs = 0
      attentiveMs = 0
      // Frames of the lost ring may still come: they are no proof that it has loaded.
      busyWords = 0
    },
    look(nowMs) {
      pass(nowMs)
      return silentMs >= limits.idleMs || busySilentMs >= busyLimitMs() ? Math.max(silentMs, busySilentMs) : null
    },
  }
}

/** Remembers for one to two spans. */
function longestOfTwoSpans(spanMs: number, startMs: number) {
  let fromMs = startMs
  let nowLongestMs = 0
  let beforeMs = 0
  return {
    note(durationMs: number, atMs: number): void {
      if (atMs - fromMs >= spanMs) {
        beforeMs = atMs - fromMs >= 2 * spanMs ? 0 : nowLongestMs
        nowLongestMs = 0
        fromMs = atMs
      }
      nowLongestMs = Math.max(nowLongestMs, durationMs)
    },
    get longestMs(): number {
      return Math.max(nowLongestMs, beforeMs)
    },
  }
}
