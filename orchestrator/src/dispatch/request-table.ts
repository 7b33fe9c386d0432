/**
 * The answers that are under way. An answer belongs to the table, not to a ring: it is sent to a ring's entry as an attempt, its tokens
 * are handed on in order, and where the ring is lost it waits for another, which goes on at the next token. It knows no HTTP, no text
 * and no activation.
 */
import type { ComputePoolError } from '@computepool/shared/errors'
import { errorOfSeat } from '@computepool/shared/pipeline'
import type { Clock, Entropy } from '@computepool/shared/ports'
import type { DeskCommand, DeskRequest } from '@computepool/shared/wire'
import type { ReceiptBook, SentAttempt } from '../receipts/receipt-book.ts'
import {
  type AnswerRecord,
  canTryAgain,
  fedOf,
  lengthOf,
  nextJob,
  openAnswer,
  tokensOf,
  turnPage,
  wholeBecause,
} from './answer-record.ts'
import { createEventQueue } from './event-queue.ts'
import { createKeptCaches } from './kept-caches.ts'
import { createKvLedger, reservedPositions } from './kv-ledger.ts'
import type {
  CutReason,
  Lap,
  LiveRequest,
  RequestEvent,
  RequestLimits,
  RequestObserver,
  RequestOrder,
  RequestOutcome,
} from './live-request.ts'
import { noRing, noTrustedRing, notMoved, silent, stoppedByEntry, waitedTooLong, wrongToken } from './request-errors.ts'
import type { Ring } from './ring.ts'
import { createRingPace } from './ring-pace.ts'
import { createWaitingRoom } from './waiting-room.ts'

export interface RequestTableOptions {
  readonly clock: Clock
  readonly entropy: Entropy
  readonly limits: RequestLimits
  readonly vocab: number
  readonly send: (peer: string, command: DeskCommand) => void
  readonly onLap: (lap: Lap) => void
  readonly onChange: () => void
  /** Hears of each attempt that was sent to a ring, and of its end: what receipts are asked for. */
  readonly receipts?: Pick<ReceiptBook, 'sent' | 'ended'>
  /** 32 bytes, hex, of an attempt that is about to be sent. Default: drawn. */
  readonly nonceFor?: (attempt: SentAttempt) => string
  /** Whether what begins with the cache of that request could be checked; absent: nothing is checked. */
  readonly mayReuse?: (requestId: string) => boolean
}

export interface RequestTable {
  /**
   * Errors: `swarm_layers_missing` where no ring is to be expected, `swarm_busy` where enough of the client's wait already,
   * `swarm_overloaded` where the queue is full.
   */
  submit(order: RequestOrder, observer?: RequestObserver): LiveRequest
  /** Errors: `swarm_layers_missing` where there is no ring and none is to be expected; `swarm_trust_missing` where none has trusted ends. */
  requireRing(isTrusted?: boolean): void
  /**
   * The rings that take new requests now. Without one, `whyNone` says why none is to be expected, and what waits ends with a typed error;
   * null: one is on its way, and what waits goes on waiting.
   */
  setRings(rings: readonly Ring[], whyNone: string | null): void
  /**
   * That ring serves no more. Its answers wait at the head of the queue; where none is to be expected they end with `error`, at the next
   * `setRings`. Answers that are blameless of it have no failure counted: their ring goes on in a moment, or is lost.
   */
  interrupt(epoch: number, error: ComputePoolError, isBlameless?: boolean): void
  heard(peer: string, request: DeskRequest): void
  running(): number
  runningOn(epoch: number): number
  queued(): number
  /** Fails everything, at the end. */
  close(error: ComputePoolError): void
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** What a slow tab may take for each token of a prompt, before its silence counts as a stall. */
const prefillMsPerToken = 100
const usualMoveTimeoutMs = 30_000
/** Attempts that may fail one after the other with no new token. */
const mostFailures = 3
const mostStalls = 2
/** Before an attempt is sent to the ring that has just failed it, for each failure: by then the desk may know that it is lost. */
const retryDelayMs = 500

export function createRequestTable(options: RequestTableOptions): RequestTable {
  const { clock, entropy, limits, vocab, send, onLap, onChange, receipts } = options
  const moveTimeoutMs = limits.moveTimeoutMs ?? usualMoveTimeoutMs
  /** By the id of the attempt. */
  const running = new Map<string, AnswerRecord>()
  const ledger = createKvLedger()
  const pace = createRingPace()
  const kept = createKeptCaches(clock, options.mayReuse)
  let whyNone: string | null = null

  const isRunning = (answer: AnswerRecord): boolean => running.get(answer.wireId) === answer
  const isUnderWay = (answer: AnswerRecord): boolean => isRunning(answer) || room.has(answer)

  /** The attempt, sent or not, is over; returns what tells its observer. */
  const endAttempt = (answer: AnswerRecord, outcome: RequestOutcome): (() => void) => {
    answer.cancelDeadline()
    answer.cancelRetry()
    const { wireId } = answer
    const atMs = clock.monotonicMs()
    if (running.delete(wireId)) {
      answer.ranMs += atMs - answer.sentAtMs
      receipts?.ended(wireId)
    }
    ledger.release(wireId)
    const tokens = answer.drawn.length - answer.drawnBefore
    const { isStalled } = answer
    answer.isStalled = false
    return () => answer.observer?.onEnded(wireId, { atMs, tokens, outcome, ...(isStalled ? { isStalled } : {}) })
  }

  const settle = (answer: AnswerRecord, outcome: RequestOutcome, error?: ComputePoolError): void => {
    if (!isUnderWay(answer)) return
    room.leave(answer)
    endAttempt(answer, outcome)()
    answer.events.end(error)
    room.stir()
    onChange()
  }

  const cancelAttempt = (answer: AnswerRecord): void => {
    if (!isRunning(answer)) return
    send(answer.ring!.seats[0]!.peer, { type: 'cancel-request', requestId: answer.wireId })
  }

  const stop = (answer: AnswerRecord, outcome: RequestOutcome, error?: ComputePoolError): void => {
    cancelAttempt(answer)
    settle(answer, outcome, error)
  }

  const finish = (answer: AnswerRecord, reason: 'stop' | 'length', directHops: number | null): void => {
    if (!isUnderWay(answer)) return
    answer.events.push({ type: 'finished', reason, stoppedBy: null, directHops })
    settle(answer, reason)
    pace.noteAnswer(answer.drawn.length, answer.ranMs)
  }

  /** Where no ring is to be expected nobody waits for one. */
  const endHopeless = (): void => {
    if (room.rings.length > 0 || whyNone === null) return
    for (const answer of room.interrupted()) settle(answer, 'failed', answer.interruption!)
    for (const answer of room.others()) settle(answer, 'failed', noRing(whyNone))
  }

  /** The attempt is over, the answer is not: it waits at the head of the queue. */
  const move = (answer: AnswerRecord, error: ComputePoolError): void => {
    if (!isUnderWay(answer)) return
    const whole = wholeBecause(answer)
    if (whole !== null) {
      finish(answer, whole, null)
      return
    }
    const tell = endAttempt(answer, 'moved')
    turnPage(answer)
    answer.interruption = error
    room.admitInterrupted(answer)
    answer.cancelDeadline = clock.schedule(moveTimeoutMs, () => {
      settle(answer, 'failed', notMoved(answer, moveTimeoutMs))
    })
    // Last: it may cut the answer short.
    tell()
  }

  /** After a failure that another attempt may mend. */
  const tryAgain = (answer: AnswerRecord, error: ComputePoolError): void => {
    if (!isUnderWay(answer)) return
    if (error.code === 'engine_prefix_missing' && answer.mayReuse) {
      answer.mayReuse = false
      move(answer, error)
    } else {
      answer.failures++
      if (answer.failures >= mostFailures && wholeBecause(answer) === null) {
        settle(answer, 'failed', error)
        return
      }
      const delayMs = retryDelayMs * answer.failures
      answer.notBefore = { epoch: answer.ring!.epoch, atMs: clock.monotonicMs() + delayMs }
      move(answer, error)
      if (room.has(answer)) answer.cancelRetry = clock.schedule(delayMs, room.stir)
    }
    room.stir()
    endHopeless()
    onChange()
  }

  const watchStall = (answer: AnswerRecord): void => {
    const isPrefill = answer.drawn.length === answer.drawnBefore
    const silenceMs = limits.stallTimeoutMs + (isPrefill ? fedOf(answer) * prefillMsPerToken : 0)
    answer.cancelDeadline()
    answer.cancelDeadline = clock.schedule(silenceMs, () => {
      answer.stalls++
      answer.isStalled = true
      const error = silent(answer, silenceMs)
      cancelAttempt(answer)
      if (answer.stalls < mostStalls) tryAgain(answer, error)
      else settle(answer, 'failed', error)
    })
  }

  const start = (answer: AnswerRecord, ring: Ring): void => {
    answer.cancelDeadline()
    answer.cancelRetry()
    answer.ring = ring
    answer.attempts++
    answer.sentAtMs = clock.monotonicMs()
    answer.reuse = room.reuseOn(answer, ring)
    if (answer.reuse !== null) kept.take(answer.reuse.requestId)
    running.set(answer.wireId, answer)
    ledger.reserve(ring.epoch, answer.wireId, reservedPositions(lengthOf(answer.order), ring.maxContext))
    watchStall(answer)
    const isTrusted = answer.order.isTrusted === true
    const attempt = { coalition: ring.id, epoch: ring.epoch, seats: ring.seats, job: nextJob(answer), isTrusted }
    const job = { ...attempt.job, nonce: options.nonceFor?.(attempt) ?? hexOf(entropy.bytes(32)) }
    receipts?.sent({ ...attempt, job })
    send(ring.seats[0]!.peer, { type: 'run-request', epoch: ring.epoch, job })
  }

  const room = createWaitingRoom({ clock, limits, ledger, pace, kept, running, start })

  const requireRing = (isTrusted = false): void => {
    if (room.rings.length === 0 && whyNone !== null) throw noRing(whyNone)
    if (isTrusted && !room.rings.some(ring => ring.isTrusted === true)) throw noTrustedRing()
  }

  const submit: RequestTable['submit'] = (order, observer) => {
    requireRing(order.isTrusted)
    const id = hexOf(entropy.bytes(12))
    const events = createEventQueue<RequestEvent>(() => stop(answer, 'cancelled'))
    const answer = openAnswer(id, order, events, observer)
    const refusal = room.admit(answer)
    if (refusal !== null) throw refusal
    if (room.has(answer)) {
      answer.cancelDeadline = clock.schedule(limits.queueTimeoutMs, () => {
        settle(answer, 'failed', waitedTooLong(limits.queueTimeoutMs, room.secondsUntilServed()))
      })
    }
    onChange()
    return {
      requestId: id,
      submittedAtMs: clock.monotonicMs(),
      events,
      seats: () => answer.ring?.seats ?? [],
      moves: () => Math.max(0, answer.attempts - 1),
      cachedTokens: () => answer.cachedTokens,
      cancel: () => stop(answer, 'cancelled'),
      cutShort: (by: CutReason) => {
        events.push({ type: 'finished', reason: 'length', stoppedBy: by, directHops: null })
        stop(answer, by)
      },
    }
  }

  const flow = (answer: AnswerRecord): void => {
    if (answer.isFlowing) return
    answer.isFlowing = true
    answer.observer?.onFlowing(answer.wireId, clock.monotonicMs(), answer.attemptCachedTokens)
  }

  const heardToken = (answer: AnswerRecord, said: Extract<DeskRequest, { type: 'token-generated' }>): void => {
    const { index, sampled, lapMs, trace } = said
    const due = answer.drawn.length - answer.drawnBefore
    if (index < due) return
    if (index > due || answer.drawn.length >= answer.order.maxTokens || sampled.token >= vocab) {
      stop(answer, 'failed', wrongToken(answer, { index, token: sampled.token }))
      return
    }
    flow(answer)
    // Whoever was told may have found the money spent.
    if (!isRunning(answer)) return
    const atMs = clock.monotonicMs()
    const ring = answer.ring!
    if (due > 0) pace.noteLap(ring, lapMs, ledger.count(ring.epoch))
    else pace.notePrefill(ring, fedOf(answer), atMs - answer.sentAtMs)
    if (answer.drawn.length === 0) answer.cachedTokens = answer.attemptCachedTokens
    answer.drawn.push(sampled.token)
    answer.failures = 0
    answer.stalls = 0
    watchStall(answer)
    answer.events.push({ type: 'token', sampled, lapMs, trace, atMs })
    onLap({ requestId: answer.wireId, epoch: ring.epoch, lapMs, trace })
    // Who waits for the best ring may be better off with another one by now.
    if (room.size > 0) room.stir()
    // Last: it may cut the request short, and the token that it was told of is part of the answer.
    answer.observer?.onToken(answer.wireId, atMs)
  }

  const heard: RequestTable['heard'] = (peer, said) => {
    if (!('requestId' in said)) return
    const answer = running.get(said.requestId)
    // Not of this table, over already, an earlier attempt's, or not from its entry: nothing to do with it.
    if (answer === undefined || answer.ring?.seats[0]?.peer !== peer) return
    if (said.type === 'request-flowing') {
      const most = Math.min(answer.reuse?.positions ?? 0, answer.order.promptTokens.length)
      answer.attemptCachedTokens = Math.min(said.cachedTokens ?? 0, most)
      return flow(answer)
    }
    if (said.type === 'token-generated') return heardToken(answer, said)
    if (said.type === 'request-failed') {
      const error = errorOfSeat(said.error, answer.id)
      return canTryAgain(error) ? tryAgain(answer, error) : settle(answer, 'failed', error)
    }
    if (said.type !== 'request-finished') return
    if (said.reason === 'cancelled') return tryAgain(answer, stoppedByEntry())
    const { order, drawn, ring, wireId } = answer
    if (order.keepsCache === true && order.cacheScope !== undefined && drawn.length > 0) {
      // The last token was drawn, and never fed.
      const tokens = tokensOf(answer).slice(0, -1)
      kept.note({ epoch: ring!.epoch, scope: order.cacheScope, requestId: wireId, tokens })
    }
    finish(answer, said.reason, said.directHops)
  }

  const setRings: RequestTable['setRings'] = (next, why) => {
    room.rings = next
    whyNone = why
    const ready = next.map(({ epoch }) => epoch)
    pace.keepOnly(new Set([...ready, ...[...running.values()].map(answer => answer.ring!.epoch)]))
    kept.keepOnly(new Set(ready))
    if (next.length > 0) return room.stir()
    endHopeless()
  }

  return {
    submit,
    requireRing,
    setRings,
    heard,
    interrupt: (epoch, error, isBlameless = false) => {
      // Not to be chosen again before the desk says what there is now.
      room.rings = room.rings.filter(ring => ring.epoch !== epoch)
      for (const answer of [...running.values()]) {
        if (answer.ring?.epoch !== epoch || !isRunning(answer)) continue
        cancelAttempt(answer)
        if (!isBlameless) answer.failures++
        if (answer.failures >= mostFailures && wholeBecause(answer) === null) settle(answer, 'failed', error)
        else move(answer, error)
      }
      room.stir()
      onChange()
    },
    running: () => running.size,
    runningOn: ledger.count,
    queued: () => room.size,
    close: error => {
      room.rings = []
      for (const answer of [...room.others(), ...room.interrupted(), ...running.values()]) stop(answer, 'failed', error)
    },
  }
}
