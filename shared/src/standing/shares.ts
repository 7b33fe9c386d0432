/** Who gets which share of the work: capacity times weight. It knows no layers and no links. */
import { type Standing, weightOf } from './standing.ts'

export interface Candidate {
  /** Measured, as layers a second; what a machine has is split where the machine shows itself as several. */
  readonly capacity: number
  readonly standing: Standing
}

/** By candidate, in order: shares that sum to 1, or all 0 where nobody weighs anything. */
export function workShares(candidates: readonly Candidate[]): number[] {
  const parts = candidates.map(({ capacity, standing }) => Math.max(0, capacity) * weightOf(standing))
  const total = parts.reduce((sum, part) => sum + part, 0)
  return parts.map(part => (total === 0 ? 0 : part / total))
}
