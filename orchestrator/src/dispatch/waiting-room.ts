/**
 * Who waits, and who begins: interrupted answers first, then one of each client in turn, each on the ring that is expected to finish it
 * first. It starts nothing itself, and hears no peer.
 */
import type { ComputePoolError } from '@computepool/shared/errors'
import type { CacheReuse } from '@computepool/shared/pipeline'
import type { Clock } from '@computepool/shared/ports'
import { type AnswerRecord, lengthOf, tokensOf } from './answer-record.ts'
import { chooseRing } from './choose-ring.ts'
import { createFairQueue } from './fair-queue.ts'
import type { KeptCaches } from './kept-caches.ts'
import { type KvLedger, reservedPositions } from './kv-ledger.ts'
import type { RequestLimits } from './live-request.ts'
import { queueFull, shareFull } from './request-errors.ts'
import type { Ring } from './ring.ts'
import type { RingPace } from './ring-pace.ts'

export interface WaitingRoomOptions {
  readonly clock: Clock
  readonly limits: RequestLimits
  readonly ledger: KvLedger
  readonly pace: RingPace
  readonly kept: KeptCaches
  readonly running: ReadonlyMap<string, AnswerRecord>
  readonly start: (answer: AnswerRecord, ring: Ring) => void
}

export interface WaitingRoom {
  rings: readonly Ring[]
  /** It begins at once, or waits; returns why it may do neither. */
  admit(answer: AnswerRecord): ComputePoolError | null
  /** Before all others. */
  admitInterrupted(answer: AnswerRecord): void
  leave(answer: AnswerRecord): void
  has(answer: AnswerRecord): boolean
  /** Starts whatever has a place now. */
  stir(): void
  /** What the answer would begin with on that ring. */
  reuseOn(answer: AnswerRecord, ring: Ring): CacheReuse | null
  readonly size: number
  interrupted(): AnswerRecord[]
  others(): AnswerRecord[]
  /** How long until all that waits has begun, at the pace of now; whole seconds. */
  secondsUntilServed(): number
}

/** What those ahead leave to those behind. */
interface Line {
  /** Rings that have a place, and that all ahead declined; null: nobody is ahead. */
  open: ReadonlySet<number> | null
  /** How long rings are spoken for by those who wait for them, by epoch. */
  readonly takenMs: Map<number, number>
}

const mostRetrySeconds = 300
/** Where nothing was measured, and there is no ring to judge by. */
const usualAnswerMs = 5000

export function createWaitingRoom(options: WaitingRoomOptions): WaitingRoom {
  const { clock, limits, ledger, pace, kept, running } = options
  const mostOfOneClient = limits.maxQueuedPerClient ?? Math.ceil(limits.maxQueued / 2)
  const interrupted = new Set<AnswerRecord>()
  const queue = createFairQueue<AnswerRecord>()

  const reuseOn = (answer: AnswerRecord, ring: Ring): CacheReuse | null => {
    const { cacheScope } = answer.order
    if (cacheScope === undefined || !answer.mayReuse) return null
    const reserved = reservedPositions(lengthOf(answer.order), ring.maxContext)
    return kept.find(ring.epoch, cacheScope, tokensOf(answer), reserved)
  }

  const ringsFor = ({ order, notBefore }: AnswerRecord): readonly Ring[] => {
    const free = room.rings
      .filter(({ epoch }) => epoch !== notBefore?.epoch || clock.monotonicMs() >= notBefore.atMs)
      .filter(({ isTrusted }) => order.isTrusted !== true || isTrusted === true)
    const long = free.filter(({ maxContext }) => maxContext >= lengthOf(order))
    // A tab that has no room for it says so with a proper error.
    return long.length > 0 ? long : free
  }

  const endPatience = (answer: AnswerRecord): void => {
    answer.cancelPatience()
    answer.patientUntilMs = null
  }

  /** Whoever could begin elsewhere waits as long as was foretold at first, and never so long that its time in the queue runs out. */
  const isPatient = (answer: AnswerRecord, waitMs: number): boolean => {
    if (answer.patientUntilMs === null) {
      const patienceMs = Math.min(waitMs, limits.queueTimeoutMs / 4)
      answer.patientUntilMs = clock.monotonicMs() + patienceMs
      answer.cancelPatience = clock.schedule(patienceMs, stir)
    }
    return clock.monotonicMs() < answer.patientUntilMs
  }

  const place = (answer: AnswerRecord, line: Line): void => {
    const { order, drawn } = answer
    const { open, takenMs } = line
    const choice = chooseRing({
      rings: ringsFor(answer).filter(({ epoch }) => open === null || open.has(epoch) || takenMs.has(epoch)),
      takenMs,
      running: [...running.values()].map(other => ({
        wireId: other.wireId,
        epoch: other.ring!.epoch,
        drawnTokens: other.drawn.length,
        leftTokens: other.order.maxTokens - other.drawn.length,
      })),
      ledger,
      pace,
      maxRunning: limits.maxRunning,
      positionsOn: ring => reservedPositions(lengthOf(order), ring.maxContext),
      fedOn: ring => order.promptTokens.length + drawn.length - (reuseOn(answer, ring)?.positions ?? 0),
      maxTokens: order.maxTokens - drawn.length,
    })
    // With no ring to go to it is in nobody's way.
    if (choice === null) return
    const { best, free } = choice
    const chosen = best.waitMs === 0 || free.length === 0 || isPatient(answer, best.waitMs) ? best : free[0]!
    if (chosen.waitMs > 0) {
      line.open = new Set(free.map(({ ring }) => ring.epoch))
      takenMs.set(best.ring.epoch, best.waitMs + best.runMs / limits.maxRunning)
      return
    }
    endPatience(answer)
    interrupted.delete(answer)
    queue.serve(answer)
    options.start(answer, chosen.ring)
  }

  // First come, first served on each ring: a small request does not overtake a large one, which would starve it.
  const stir = (): void => {
    if (room.rings.length === 0) return
    const line: Line = { open: null, takenMs: new Map() }
    for (const answer of [...interrupted, ...queue.inTurn()]) {
      if (room.has(answer)) place(answer, line)
      if (line.open?.size === 0) return
    }
  }

  const secondsFor = (places: number): number => {
    const [ring] = room.rings
    const guessMs = ring === undefined ? usualAnswerMs : pace.typicalTokens(Infinity) * pace.lapMs(ring, 1)
    const seconds = Math.ceil(((pace.answerMs() ?? guessMs) * places) / Math.max(1, running.size) / 1000)
    return Math.min(mostRetrySeconds, Math.max(1, seconds))
  }

  const whyNoPlace = ({ client }: AnswerRecord): ComputePoolError | null => {
    const own = queue.sizeOf(client) - 1
    const all = queue.size - 1
    // Whoever comes back when each client had a turn finds a place of its own.
    if (client !== '' && own >= mostOfOneClient) return shareFull(own, secondsFor(queue.clients))
    return all < limits.maxQueued ? null : queueFull(running.size, all, secondsFor(all))
  }

  const room: WaitingRoom = {
    rings: [],
    admit: answer => {
      queue.add(answer.client, answer)
      stir()
      const refusal = queue.has(answer) ? whyNoPlace(answer) : null
      if (refusal !== null) queue.remove(answer)
      return refusal
    },
    admitInterrupted: answer => {
      interrupted.add(answer)
    },
    leave: answer => {
      endPatience(answer)
      interrupted.delete(answer)
      queue.remove(answer)
    },
    has: answer => interrupted.has(answer) || queue.has(answer),
    stir,
    reuseOn,
    get size() {
      return interrupted.size + queue.size
    },
    interrupted: () => [...interrupted],
    others: queue.items,
    secondsUntilServed: () => secondsFor(queue.size),
  }
  return room
}
