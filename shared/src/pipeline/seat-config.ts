/** Where a peer sits in a coalition's ring, and the limits it works under. Knows ids and numbers, no links and no engine. */
import type { LayerRange } from '../model/index.ts'
import type { Seat } from '../wire/index.ts'

/** All in milliseconds. */
export interface PipelineDeadlines {
  /** Before a first token, at least: loading a cold GPU pipeline can take this long. Where chunks are slow and many wait, up to ten times. */
  readonly firstMs: number
  /** Never less than this without progress. */
  readonly minimumMs: number
  /** Times the measured lap. */
  readonly lapFactor: number
  /** A stage forgets a request that nobody spoke of for this long: its entry is gone. */
  readonly stageIdleMs: number
}

export const defaultDeadlines: PipelineDeadlines = {
  firstMs: 60_000,
  minimumMs: 10_000,
  lapFactor: 20,
  stageIdleMs: 180_000,
}

export interface SeatConfig {
  readonly epoch: number
  readonly seat: number
  /** All seats of the coalition, in order; seat 0 is the entry, the last the exit. */
  readonly seats: readonly Seat[]
  readonly hidden: number
  /** Most positions in one engine row. */
  readonly maxChunk: number
  readonly maxContext: number
  /** Requests held at once. */
  readonly maxRequests: number
  /** Prefill chunks that the exit has not acknowledged. */
  readonly chunksInFlight: number
  /** Rows in one engine step. */
  readonly maxRows: number
  /** Named in the seat's receipts of its work; absent: it keeps none. */
  readonly coalition?: string
  /** Entry: guess tokens ahead where that pays. */
  readonly speculate: boolean
  readonly deadlines: PipelineDeadlines
}

export interface RingPlace {
  readonly isEntry: boolean
  readonly isExit: boolean
  readonly entry: string
  readonly exit: string
  /** Null at the entry. */
  readonly previous: string | null
  /** Null at the exit. */
  readonly next: string | null
}

export function ringPlace(config: Pick<SeatConfig, 'seat' | 'seats'>): RingPlace {
  const { seat, seats } = config
  return {
    isEntry: seat === 0,
    isExit: seat === seats.length - 1,
    entry: seats[0]!.peer,
    exit: seats.at(-1)!.peer,
    previous: seats[seat - 1]?.peer ?? null,
    next: seats[seat + 1]?.peer ?? null,
  }
}

/** Positions that the smallest cache is taken to have. */
const smallestCache = 64

/**
 * How many requests may be held at once: as many as have a small cache within `kvBudgetBytes`, at least one, at most 64. What each
 * grows to is the engine's to refuse and the orchestrator's to plan. `elementBytes` is the size of a cached number.
 */
export function requestsWithinBudget(slice: {
  readonly layers: LayerRange
  readonly dimensions: { readonly kvHeads: number; readonly headDim: number }
  readonly maxContext: number
  readonly kvBudgetBytes: number
  readonly elementBytes: number
}): number {
  const { layers, dimensions, maxContext, kvBudgetBytes, elementBytes } = slice
  const positions = Math.min(smallestCache, maxContext)
  const each = (layers.end - layers.start) * 2 * dimensions.kvHeads * dimensions.headDim * positions * elementBytes
  return Math.min(64, Math.max(1, Math.floor(kvBudgetBytes / each)))
}
