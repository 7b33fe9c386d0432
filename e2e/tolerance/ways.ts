/**
 * The ways in which honest seats come to the same answer: on which engine, in which float type, in chunks of which size, beside how many
 * others. It runs nothing.
 */

import type { ActivationDtype, EngineKind } from '@computepool/shared/ports'
import { chunkPlan, type PlannedChunk } from '@computepool/shared/selftest'

/** How positions follow each other: chunks of a size; a prompt in wide chunks, then single steps; or the self-test’s, which rewinds. */
export type Steps = number | 'served' | 'rewound'

export interface Way {
  readonly engine: EngineKind
  readonly dtype: Exclude<ActivationDtype, 'bf16'>
  readonly steps: Steps
  /** Requests whose single positions share each run; 1 unless told otherwise. */
  readonly together?: number
  /** Threads of the native runtime; 1 unless told otherwise. */
  readonly threads?: number
  /** Of the native engine; in place unless told otherwise. */
  readonly caches?: 'static' | 'growing'
  /** Positions of the smallest cache; the engine's own unless told otherwise. */
  readonly smallestCapacity?: number
  /** Quantised weights stay as they are, where the engine would hold them as f32. */
  readonly staysPacked?: boolean
}

/** Two runs of one name gave the same rows. */
export function wayName(way: Way): string {
  const words = [way.engine, way.dtype, typeof way.steps === 'number' ? `chunks of ${way.steps}` : way.steps]
  if (way.together !== undefined) words.push(`${way.together} together`)
  if (way.threads !== undefined) words.push(`${way.threads} threads`)
  if (way.caches !== undefined) words.push(`${way.caches} caches`)
  if (way.smallestCapacity !== undefined) words.push(`caches from ${way.smallestCapacity}`)
  if (way.staysPacked) words.push('packed')
  return words.join(', ')
}

/** A served prompt's chunks are so wide at most. */
const servedChunk = 64

/** In which runs `positions` are computed; `maxChunk` is the engine's. */
export function plannedChunks(steps: Steps, positions: number, maxChunk: number): PlannedChunk[] {
  if (steps === 'rewound') return chunkPlan(positions, maxChunk)
  const plan: PlannedChunk[] = []
  const run = (from: number, to: number, size: number) => {
    for (let position = from; position < to; position += size)
      plan.push({ position, tokens: Math.min(size, to - position) })
  }
  const answerFrom = steps === 'served' ? Math.floor((positions * 3) / 4) : positions
  run(0, answerFrom, Math.min(maxChunk, steps === 'served' ? servedChunk : steps))
  run(answerFrom, positions, 1)
  return plan
}
