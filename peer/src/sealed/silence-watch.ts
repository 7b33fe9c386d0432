/**
 * How long one peer was not heard, and what follows: another way, or the end. Only time in which this host was awake and listening counts.
 * It knows neither packets nor ways.
 */
import { createSilenceJudge } from '../links/silence-judge.ts'
import type { SealedLimits } from './sealed-limits.ts'

export interface SilenceWatch {
  noteHeard(nowMs: number): void
  /** A frame passed. */
  noteTraffic(nowMs: number): void
  /** A new assignment: the other side may load before it works again. */
  noteAssigned(): void
  /** The carrier took a packet, or would not. */
  notePost(isTaken: boolean): void
  /** Counts the time since the last call, or since `begin`. */
  tick(nowMs: number): void
  /** What came before does not count. */
  begin(nowMs: number): void
  readonly tickedAtMs: number
  /** Why the link is to end now, or null. */
  verdict(): string | null
  /** True where another way is to be tried: after `stallMs` of silence, and once in each such span of it. */
  takeStall(stallMs: number): boolean
}

export function createSilenceWatch(
  limits: Pick<SealedLimits, 'silenceLimitMs' | 'busySilenceLimitMs' | 'unreachableLimitMs'>,
  options: { readonly nowMs: number; readonly tickMs: number },
): SilenceWatch {
  let tickedAtMs = options.nowMs
  let silentMs = 0
  const judge = createSilenceJudge(
    { idleMs: limits.silenceLimitMs, busyMs: limits.busySilenceLimitMs, lookMs: 2 * options.tickMs },
    options.nowMs,
  )
  let tooLongMs: number | null = null
  /** Null: the carrier took the last packet. */
  let unreachableMs: number | null = null
  let stalledAtMs = 0
  return {
    noteTraffic: nowMs => judge.noteTraffic(nowMs),
    noteAssigned: () => judge.noteAssigned(),
    noteHeard(nowMs) {
      judge.noteHeard(nowMs)
      tooLongMs = null
      silentMs = 0
      stalledAtMs = 0
      unreachableMs = null
    },
    notePost(isTaken) {
      unreachableMs = isTaken ? null : (unreachableMs ?? 0)
    },
    tick(nowMs) {
      // A host that slept, or an engine that held this thread, heard nothing because it did not listen.
      const awakeMs = Math.min(nowMs - tickedAtMs, 2 * options.tickMs)
      tickedAtMs = nowMs
      silentMs += awakeMs
      tooLongMs = judge.look(nowMs)
      if (unreachableMs !== null) unreachableMs += awakeMs
    },
    begin(nowMs) {
      tickedAtMs = nowMs
      judge.noteHeard(nowMs)
      tooLongMs = null
    },
    get tickedAtMs() {
      return tickedAtMs
    },
    verdict() {
      if (tooLongMs !== null) return `was not heard for ${Math.round(tooLongMs)} ms`
      const isUnreachable = unreachableMs !== null && unreachableMs >= limits.unreachableLimitMs
      return isUnreachable ? `could not be reached for ${unreachableMs} ms` : null
    },
    takeStall(stallMs) {
      if (silentMs - stalledAtMs < stallMs) return false
      stalledAtMs = silentMs
      return true
    },
  }
}
