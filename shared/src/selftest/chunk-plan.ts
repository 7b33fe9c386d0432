/** In which chunks the self-test runs; it knows no engine. */

export interface PlannedChunk {
  readonly position: number
  readonly tokens: number
}

/** Steps of one position at the end of the plan, as in decoding. */
const singleSteps = 4

/**
 * What production does, over the whole length: a prefill in the largest chunks with its remainder; then a rewind to two thirds, an
 * odd remainder from there, and single steps over the last positions.
 */
export function chunkPlan(positions: number, maxChunk: number): PlannedChunk[] {
  const plan: PlannedChunk[] = []
  const run = (from: number, to: number, size: number) => {
    for (let position = from; position < to; position += size)
      plan.push({ position, tokens: Math.min(size, to - position) })
  }
  run(0, positions, maxChunk)
  const singlesFrom = Math.max(0, positions - singleSteps)
  const rewindTo = Math.min(Math.floor((positions * 2) / 3), singlesFrom)
  run(rewindTo, singlesFrom, Math.max(1, Math.min(maxChunk, 7)))
  run(singlesFrom, positions, 1)
  return plan
}
