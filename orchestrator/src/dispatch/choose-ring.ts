/** Which ring a request goes to: the one that is expected to finish it first, what runs there counted. Pure. */
import type { KvLedger } from './kv-ledger.ts'
import type { Ring } from './ring.ts'
import type { RingPace } from './ring-pace.ts'

/** A request that runs, as far as whoever waits for its place cares. */
export interface RunningRequest {
  readonly wireId: string
  readonly epoch: number
  /** Tokens that it may still draw at most. */
  readonly leftTokens: number
}

export interface RingQuestion {
  readonly rings: readonly Ring[]
  readonly running: readonly RunningRequest[]
  readonly ledger: KvLedger
  readonly pace: RingPace
  readonly maxRunning: number
  /** Positions that the request reserves on the ring. */
  readonly positionsOn: (ring: Ring) => number
  /** Positions that must be computed there before the next token. */
  readonly fedOn: (ring: Ring) => number
  /** Tokens to draw at most. */
  readonly maxTokens: number
}

/** The ring, and how long until it has a place: 0 where it has one now. Null where there is no ring. */
export function chooseRing(question: RingQuestion): { readonly ring: Ring; readonly waitMs: number } | null {
  let best: { ring: Ring; waitMs: number; finishMs: number } | null = null
  for (const ring of question.rings) {
    const { waitMs, running } = placeOn(ring, question)
    const { pace, maxTokens, fedOn } = question
    const finishMs =
      waitMs + pace.prefillMs(ring, fedOn(ring)) + pace.typicalTokens(maxTokens) * pace.lapMs(ring, running + 1)
    if (best === null || finishMs < best.finishMs) best = { ring, waitMs, finishMs }
  }
  return best
}

/** When enough of what runs there is expected to be over. */
function placeOn(ring: Ring, question: RingQuestion): { waitMs: number; running: number } {
  const { ledger, pace, maxRunning } = question
  const here = question.running
    .filter(({ epoch }) => epoch === ring.epoch)
    .map(({ wireId, leftTokens }) => ({ wireId, leftTokens: pace.typicalTokens(leftTokens) }))
    .sort((a, b) => a.leftTokens - b.leftTokens)
  const positions = question.positionsOn(ring)
  const gone = new Set<string>()
  let waitMs = 0
  const fits = (): boolean => here.length - gone.size < maxRunning && ledger.fits(ring, positions, gone)
  for (const { wireId, leftTokens } of here) {
    if (fits()) break
    gone.add(wireId)
    waitMs = leftTokens * pace.lapMs(ring, here.length)
  }
  // One that is overdue still holds its place.
  if (gone.size > 0) waitMs = Math.max(1, waitMs)
  return { waitMs, running: here.length - gone.size }
}
