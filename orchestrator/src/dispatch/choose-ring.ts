/** Which ring a request goes to: the one that is expected to finish it first, what runs there counted. Pure. */
import type { KvLedger } from './kv-ledger.ts'
import type { Ring } from './ring.ts'
import type { RingPace } from './ring-pace.ts'

/** A request that runs, as far as whoever waits for its place cares. */
export interface RunningRequest {
  readonly wireId: string
  readonly epoch: number
  readonly drawnTokens: number
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
  /** How long rings are spoken for, by epoch. */
  readonly takenMs: ReadonlyMap<number, number>
}

export interface RingChoice {
  readonly ring: Ring
  /** How long until it has a place: 0 where it has one now. */
  readonly waitMs: number
  /** What the request is expected to take there. */
  readonly runMs: number
}

/** The best ring, and those that have a place now, the best first. Null where there is no ring. */
export function chooseRing(question: RingQuestion): { readonly best: RingChoice; readonly free: RingChoice[] } | null {
  const { pace, maxTokens, fedOn, takenMs } = question
  const finishMs = ({ waitMs, runMs }: RingChoice): number => waitMs + runMs
  const choices = question.rings
    .map(ring => {
      const { waitMs, running } = placeOn(ring, question)
      const runMs = pace.prefillMs(ring, fedOn(ring)) + pace.typicalTokens(maxTokens) * pace.lapMs(ring, running + 1)
      return { ring, waitMs: Math.max(waitMs, takenMs.get(ring.epoch) ?? 0), runMs }
    })
    .sort((a, b) => finishMs(a) - finishMs(b))
  const [best] = choices
  return best === undefined ? null : { best, free: choices.filter(({ waitMs }) => waitMs === 0) }
}

/** When enough of what runs there is expected to be over. */
function placeOn(ring: Ring, question: RingQuestion): { waitMs: number; running: number } {
  const { ledger, pace, maxRunning } = question
  const here = question.running
    .filter(({ epoch }) => epoch === ring.epoch)
    .map(({ wireId, drawnTokens, leftTokens }) => {
      // One that is longer than most may be any length: expect as much again.
      const expected = Math.max(pace.typicalTokens(Infinity) - drawnTokens, drawnTokens)
      return { wireId, leftTokens: Math.min(leftTokens, expected) }
    })
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
