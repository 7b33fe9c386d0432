/**
 * How far chunks may go beyond what the worst case allows: a token seldom meets one at every seat, so what is left of twice its time is
 * given to prompts, step by step, and taken back at once. It knows how long tokens took against their time alone, nothing else.
 */

/** Chunks grow while no token of a round took longer than this, times its time alone. */
const calm = 1.6
/** … and shrink where one did. */
const strained = 1.9
const roundLaps = 8
const most = 4
/** As long as it changes nothing, it stays where its first use is a small step. */
const mostUnused = 1.5
/** Rounds in which chunks that were too long are not tried again. */
const rememberedRounds = 32

export interface Patience {
  readonly factor: number
  /** Of this round. */
  readonly worst: number
  readonly laps: number
  /** The factor stays below this for `rounds` more rounds. */
  readonly ceiling: number
  readonly rounds: number
}

export const noPatience: Patience = { factor: 1, worst: 0, laps: 0, ceiling: most, rounds: 0 }

/** Takes in a time between two tokens while a prompt was under way, as a multiple of what it is while none is; `isUsed`: chunks grew by it. */
export function observeStrain(patience: Patience, strain: number, isUsed: boolean): Patience {
  const { factor, ceiling } = patience
  if (strain > strained)
    return {
      factor: Math.max(1, factor * 0.8),
      worst: 0,
      laps: 0,
      ceiling: Math.max(1, factor * 0.99),
      rounds: rememberedRounds,
    }
  const worst = Math.max(patience.worst, strain)
  const laps = patience.laps + 1
  if (laps < roundLaps) return { ...patience, worst, laps }
  const rounds = Math.max(0, patience.rounds - 1)
  const limit = rounds === 0 ? most : ceiling
  const grown = Math.min(limit, isUsed ? most : mostUnused, factor * 1.15)
  return { factor: worst < calm ? Math.max(factor, grown) : factor, worst: 0, laps: 0, ceiling: limit, rounds }
}
