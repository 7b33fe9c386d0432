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
/** Longest silences under traffic, in two such spans, tell how long its steps take. */
const spanMs = 30_000
const gapFactor = 10
/** Words under traffic before it is known. */
const provenAfter = 20

export function createSilenceJudge(limits: SilenceLimits, startMs: number): SilenceJudge {
  let lookedAtMs = startMs
  let heardAtMs = startMs
  let trafficAtMs = Number.NEGATIVE_INFINITY
  let silentMs = 0
  /** The part of it under traffic; and of that the part in which this side's thread was its own. */
  let busySilentMs = 0
  let attentiveMs = 0
  let busyWords = 0
  let spanFromMs = startMs
  let gapMs = 0
  let gapBeforeMs = 0

  const isBusy = (): boolean => trafficAtMs >= heardAtMs - leadMs
  function pass(nowMs: number): void {
    const sinceMs = nowMs - lookedAtMs
    const awakeMs = Math.min(sinceMs, limits.lookMs)
    lookedAtMs = nowMs
    silentMs += awakeMs
    if (!isBusy()) return
    busySilentMs += awakeMs
    if (sinceMs <= limits.lookMs) attentiveMs += sinceMs
  }
  function busyLimitMs(): number {
    if (busyWords < provenAfter) return limits.idleMs
    return Math.min(limits.idleMs, Math.max(limits.busyMs, gapFactor * Math.max(gapMs, gapBeforeMs)))
  }

  return {
    noteTraffic(nowMs) {
      trafficAtMs = nowMs
    },
    noteHeard(nowMs) {
      pass(nowMs)
      if (isBusy()) {
        busyWords += 1
        if (nowMs - spanFromMs >= spanMs) {
          gapBeforeMs = nowMs - spanFromMs >= 2 * spanMs ? 0 : gapMs
          gapMs = 0
          spanFromMs = nowMs
        }
        gapMs = Math.max(gapMs, attentiveMs)
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
    },
    look(nowMs) {
      pass(nowMs)
      return silentMs >= limits.idleMs || busySilentMs >= busyLimitMs() ? Math.max(silentMs, busySilentMs) : null
    },
  }
}
