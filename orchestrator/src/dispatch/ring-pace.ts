/**
 * How quick rings are: their laps and prefills as measured, as planned before; how long answers are, and what one takes. Only figures: it
 * knows no request and decides nothing.
 */
import type { Ring } from './ring.ts'

export interface RingPace {
  /** A decode step that came back while `running` requests ran on the ring. */
  noteLap(ring: Ring, lapMs: number, running: number): void
  /** From sending a job to its first token; `fed` positions were computed. */
  notePrefill(ring: Ring, fed: number, ms: number): void
  /** An answer that ended by itself: tokens drawn, and the time that it ran. */
  noteAnswer(tokens: number, ms: number): void
  /** One token's time where `running` requests run. */
  lapMs(ring: Ring, running: number): number
  prefillMs(ring: Ring, positions: number): number
  /** Tokens that an answer of at most `maxTokens` is expected to have. */
  typicalTokens(maxTokens: number): number
  /** What an answer takes from its start to its end; null while none was measured. */
  answerMs(): number | null
  /** Forgets all rings but these. */
  keepOnly(epochs: ReadonlySet<number>): void
}

/** Weight of the newest measure: about the last twenty count. */
const share = 0.1
/** A prompt's rows share each read of the weights: a guess until the first prompt was measured. */
const rowsPerLapTime = 16
const usualTokens = 256

export function createRingPace(): RingPace {
  /** Laps as they would be with nobody else in the way. */
  const laps = new Map<number, number>()
  const prefills = new Map<number, number>()
  let tokens: number | null = null
  let answer: number | null = null
  const mix = (old: number | null | undefined, value: number): number =>
    old === null || old === undefined ? value : old + share * (value - old)
  // As many requests as seats keep every seat busy; each one more makes all wait.
  const crowding = (ring: Ring, running: number): number => Math.max(1, running / ring.seats.length)
  return {
    noteLap: (ring, lapMs, running) => {
      if (lapMs > 0) laps.set(ring.epoch, mix(laps.get(ring.epoch), lapMs / crowding(ring, running)))
    },
    notePrefill: (ring, fed, ms) => {
      if (fed > 0 && ms > 0) prefills.set(ring.epoch, mix(prefills.get(ring.epoch), ms / fed))
    },
    noteAnswer: (count, ms) => {
      tokens = mix(tokens, count)
      answer = mix(answer, ms)
    },
    lapMs: (ring, running) => (laps.get(ring.epoch) ?? ring.expectedLapMs) * crowding(ring, running),
    prefillMs: (ring, positions) =>
      positions * (prefills.get(ring.epoch) ?? (laps.get(ring.epoch) ?? ring.expectedLapMs) / rowsPerLapTime),
    typicalTokens: maxTokens => Math.min(maxTokens, Math.max(1, tokens ?? usualTokens)),
    answerMs: () => answer,
    keepOnly: epochs => {
      for (const known of [laps, prefills]) {
        for (const epoch of known.keys()) if (!epochs.has(epoch)) known.delete(epoch)
      }
    },
  }
}
