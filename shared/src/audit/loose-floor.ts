/**
 * What still counts as computing where nobody measured how far such engines lie apart: a floor so loose that rounding does not come near it. Above
 * it nothing is proven, neither way. It knows no engine. Where its figures come from: `docs/decisions/tolerance.md`.
 */
import type { RecomputeReport } from './recompute.ts'
import type { ToleranceRow, ToleranceSide } from './tolerance.ts'

export type Tolerance = Pick<ToleranceRow, 'relative' | 'logit' | 'nearTieShare'>

/** `relative`: 15 times what the widest measured pair allows (f32 against f16), twice that for floats with three bits less; `logit` 18 and 2.3 times. */
export const looseFloor: Tolerance = { relative: 0.5, logit: 3, nearTieShare: 1 }

/** As deep as anything was measured. */
const mostLayers = 48
/** The first rows of a text may hold numbers that f16 cannot: a few rows alone prove nothing. */
export const leastFloorRows = 16
/** `redraw` looks no further. */
const leastDraws = 4

/** Null where our own rounding is no less than what is judged, or slices are deeper than any that was measured. */
export function floorFor({
  ours,
  layers,
}: {
  readonly ours: ToleranceSide
  readonly layers: number
}): Tolerance | null {
  return ours.dtype === 'f32' && layers <= mostLayers ? looseFloor : null
}

/** Of a report within `looseFloor`: most of what was compared is no such computation at all. */
export function isBeyondFloor({ compared, over, draws }: RecomputeReport): boolean {
  if (compared >= leastFloorRows && over * 2 > compared) return true
  return draws !== null && draws.different >= leastDraws && draws.different * 2 > draws.verdicts.length
}
