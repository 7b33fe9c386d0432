/**
 * The receipts of attempts at answers: which are owed, by whom, which have come, and when an attempt is settled. An attempt that drew a token
 * is owed one of each seat, within ten seconds of its end. It sees hashes, signatures and tokens, never an activation.
 */
import type { RequestJob } from '@computepool/shared/pipeline'
import type { Clock } from '@computepool/shared/ports'
import {
  type Receipt,
  type ReceiptedAttempt,
  type ReceiptVerdict,
  type SessionKey,
  verifyReceipts,
} from '@computepool/shared/receipts'
import type { DeskRequest, Seat } from '@computepool/shared/wire'
import { isSigned } from './is-signed.ts'
import type { PeerPulse } from './peer-pulse.ts'

/** As its entry was told it. */
export interface SentAttempt {
  readonly coalition: string
  readonly epoch: number
  readonly seats: readonly Seat[]
  readonly job: RequestJob
  /** Its user asked for ends that may hold text: nobody else sees it for a check either. */
  readonly isTrusted?: boolean
}

/** What was said of it, when its receipts were due. */
export interface SettledAttempt extends SentAttempt {
  /** By seat: the first that it gave. */
  readonly receipts: ReadonlyMap<number, Receipt>
  /** By seat that gave one: its session key by then. */
  readonly keys: ReadonlyMap<number, SessionKey | null>
  /** As the entry told them. */
  readonly tokens: readonly number[]
  /** From its sending to its end. */
  readonly ranMs?: number
}

export interface ReceiptBook {
  sent(attempt: SentAttempt): void
  /** The desk is done with it; what its entry still says of it counts. */
  ended(requestId: string): void
  /** Nobody owes anything for it, whatever has come of it. */
  forget(requestId: string): void
  /** What the entry says of an attempt's tokens, and any seat's receipt. What belongs to no attempt of the peer's is left alone. */
  heard(peer: string, request: DeskRequest): void
  /** Its connection ended: it need not say any more what it had no time to say. */
  gone(peer: string): void
  close(): void
}

export interface ReceiptBookOptions {
  readonly clock: Clock
  readonly pulse: Pick<PeerPulse, 'quietUntil'>
  /** The session key of a peer, now. */
  readonly keyOf: (peer: string) => SessionKey | null
  readonly onSettled: (verdict: ReceiptVerdict, attempt: SettledAttempt) => void
  /** Asks a seat that owes its receipt to end the attempt: the word that it is over may not have reached it. */
  readonly remind?: (peer: string, requestId: string) => void
}

export const receiptPatienceMs = 10_000
/** After so long a seat without a receipt is told itself: a neighbour may have kept the end from it. */
const remindAfterMs = 3000
/** Who is still here so long after the end of an answer has had time: it does not get out of its receipt by going. */
const goneInTimeMs = 5000
/** Not even a tab that stands still is waited for longer. */
const mostPatienceMs = 120_000
/** Beyond it the eldest that is over is forgotten, unsettled: more than are sent within the patience. */
const mostAttempts = 2048
/** A second receipt of a seat can only show that it gave two. */
const mostOfSeat = 2

interface Attempt extends SentAttempt {
  readonly receipts: Receipt[]
  /** Of seats that gave a receipt: the session key by then. */
  readonly keys: Map<number, SessionKey | null>
  readonly gone: Set<number>
  readonly tokens: number[]
  readonly sentAtMs: number
  isComplete: boolean
  isReminded: boolean
  /** Null while it runs. */
  endedAtMs: number | null
  cancel: () => void
}

export function createReceiptBook(options: ReceiptBookOptions): ReceiptBook {
  const { clock, pulse, keyOf, onSettled, remind = () => {} } = options
  /** By request; the eldest is first. */
  const attempts = new Map<string, Attempt>()

  const forget = (attempt: Attempt): void => {
    attempt.cancel()
    attempts.delete(attempt.job.requestId)
  }

  const settle = (attempt: Attempt): void => {
    forget(attempt)
    // Where no token came nobody knows which seats it has reached.
    if (attempt.tokens.length === 0) return
    const { coalition, epoch, seats, job, isTrusted, receipts, keys, gone, tokens, isComplete } = attempt
    const { requestId, nonce = '', promptTokens, generatedTokens = [], reuse } = job
    const receipted: ReceiptedAttempt = {
      coalition,
      epoch,
      requestId,
      nonce,
      receipts,
      seats: seats.map(({ seat, layers }) => ({
        seat,
        layers,
        key: keys.get(seat)?.key ?? null,
        isExempt: gone.has(seat),
      })),
      sentTokens: [...promptTokens, ...generatedTokens],
      reusedPositions: reuse?.positions ?? 0,
      heardTokens: tokens,
      isComplete,
    }
    const first = new Map([...receipts].reverse().map(receipt => [receipt.seat, receipt]))
    const ranMs = (attempt.endedAtMs ?? attempt.sentAtMs) - attempt.sentAtMs
    const asked = isTrusted === undefined ? {} : { isTrusted }
    const settled = { coalition, epoch, seats, job, ...asked, receipts: first, keys, tokens, ranMs }
    onSettled(verifyReceipts(receipted, isSigned), settled)
  }

  const owing = ({ seats, keys, gone }: Attempt): readonly Seat[] =>
    seats.filter(({ seat }) => !keys.has(seat) && !gone.has(seat))

  /** When its time is up, as far as is known now. */
  const dueAtMs = (attempt: Attempt, endedAtMs: number): number => {
    // The word that an attempt is over passes from seat to seat: one that stands still holds up those behind it.
    const waited = owing(attempt).length === 0 ? [] : attempt.seats
    const sinceMs = Math.max(endedAtMs, ...waited.map(({ peer }) => pulse.quietUntil(peer)))
    return Math.min(sinceMs + receiptPatienceMs, endedAtMs + mostPatienceMs)
  }

  const wait = (attempt: Attempt): void => {
    attempt.cancel()
    const { endedAtMs } = attempt
    if (endedAtMs === null) return
    const leftMs = owing(attempt).length === 0 ? 0 : dueAtMs(attempt, endedAtMs) - clock.monotonicMs()
    if (leftMs <= 0) {
      settle(attempt)
      return
    }
    const remindMs = attempt.isReminded ? leftMs : endedAtMs + remindAfterMs - clock.monotonicMs()
    if (remindMs <= 0) {
      attempt.isReminded = true
      for (const { peer } of owing(attempt)) remind(peer, attempt.job.requestId)
      // It may have answered at once.
      if (attempts.get(attempt.job.requestId) === attempt) wait(attempt)
      return
    }
    attempt.cancel = clock.schedule(Math.min(leftMs, remindMs), () => wait(attempt))
  }

  /** The word that it is over has reached the peer: the answer ended whole, and nobody stood still since. */
  const hadTime = ({ isComplete, endedAtMs, seats }: Attempt, peer: string): boolean => {
    if (!isComplete || endedAtMs === null) return false
    const before = seats.slice(0, seats.findLastIndex(seat => seat.peer === peer) + 1)
    const sinceMs = Math.max(endedAtMs, ...before.map(seat => pulse.quietUntil(seat.peer)))
    return clock.monotonicMs() - sinceMs > goneInTimeMs
  }

  const makeRoom = (): void => {
    if (attempts.size < mostAttempts) return
    const eldest = [...attempts.values()].find(({ endedAtMs }) => endedAtMs !== null)
    if (eldest !== undefined) forget(eldest)
  }

  /** The attempt, where the peer holds that seat of it. */
  const attemptOf = (requestId: string, peer: string, seat: number): Attempt | null => {
    const attempt = attempts.get(requestId)
    return attempt?.seats[seat]?.peer === peer ? attempt : null
  }

  const take = (peer: string, receipt: Receipt): void => {
    const attempt = attemptOf(receipt.requestId, peer, receipt.seat)
    if (attempt === null || attempt.receipts.filter(({ seat }) => seat === receipt.seat).length >= mostOfSeat) return
    attempt.receipts.push(receipt)
    if (!attempt.keys.has(receipt.seat)) attempt.keys.set(receipt.seat, keyOf(peer))
    if (owing(attempt).length === 0) wait(attempt)
  }

  return {
    sent: attempt => {
      makeRoom()
      attempts.set(attempt.job.requestId, {
        ...attempt,
        receipts: [],
        keys: new Map(),
        gone: new Set(),
        tokens: [],
        sentAtMs: clock.monotonicMs(),
        isComplete: false,
        isReminded: false,
        endedAtMs: null,
        cancel: () => {},
      })
    },
    ended: requestId => {
      const attempt = attempts.get(requestId)
      if (attempt === undefined || attempt.endedAtMs !== null) return
      attempt.endedAtMs = clock.monotonicMs()
      wait(attempt)
    },
    forget: requestId => {
      const attempt = attempts.get(requestId)
      if (attempt !== undefined) forget(attempt)
    },
    heard: (peer, request) => {
      if (request.type === 'request-receipted') {
        const { type: _, ...receipt } = request
        return take(peer, receipt)
      }
      if (request.type !== 'token-generated' && request.type !== 'request-finished') return
      const attempt = attemptOf(request.requestId, peer, 0)
      if (attempt === null) return
      if (request.type === 'request-finished') attempt.isComplete = request.reason !== 'cancelled'
      else if (request.index === attempt.tokens.length && request.index < attempt.job.maxTokens)
        attempt.tokens.push(request.sampled.token)
    },
    gone: peer => {
      for (const attempt of [...attempts.values()]) {
        const left = owing(attempt).filter(seat => seat.peer === peer)
        if (left.length === 0 || hadTime(attempt, peer)) continue
        for (const { seat } of left) attempt.gone.add(seat)
        wait(attempt)
      }
    },
    close: () => {
      for (const attempt of [...attempts.values()]) forget(attempt)
    },
  }
}
