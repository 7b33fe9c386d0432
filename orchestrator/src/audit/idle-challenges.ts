/**
 * Short requests of the desk's own through rings that nobody uses, so that a slice is checked before a user depends on it, and while it serves nobody. To a
 * seat each is an attempt like any other; to the pool it is no request: not paid, not counted, and cancelled for any that comes. It judges nothing.
 */
import type { Clock, Entropy } from '@computepool/shared/ports'
import type { DeskCommand, DeskRequest } from '@computepool/shared/wire'
import type { Ring } from '../dispatch/ring.ts'
import type { ReceiptBook } from '../receipts/receipt-book.ts'
import type { AuditDesk } from './audit-ports.ts'
import { type ChallengeText, drawChallenge, longestChallenge } from './draw-challenge.ts'

export interface IdleChallengesOptions extends ChallengeText {
  readonly clock: Clock
  readonly entropy: Entropy
  /** A ring that answered nothing for so long is challenged again. */
  readonly everyMs: number
  readonly send: (peer: string, command: DeskCommand) => void
  readonly receipts: Pick<ReceiptBook, 'sent' | 'ended' | 'forget'>
  readonly audit: Pick<AuditDesk, 'termsFor' | 'isIdle' | 'canCheck'>
  /** Those that take requests. */
  readonly rings: () => readonly Ring[]
  /** Users' requests that run or wait, anywhere in the pool. */
  readonly requests: () => number
  /** Of these, those that run on the ring of an epoch. */
  readonly runningOn: (epoch: number) => number
}

export interface IdleChallenges {
  /** Rings, auditors or requests have changed. */
  stir(): void
  /** A user's request comes. */
  giveWay(): void
  heard(peer: string, request: DeskRequest): void
  /** Receipts of an attempt were settled; true where it was a challenge. */
  settled(requestId: string): boolean
  /** One runs, or its receipts are awaited. */
  isActive(): boolean
  /** Those that ran to their end. */
  view(): { readonly challenges: number }
  close(): void
}

interface Challenge {
  readonly requestId: string
  readonly ring: Ring
  readonly maxTokens: number
  drawn: number
  /** The ring is done with it; receipts are awaited. */
  isOver: boolean
  cancelDeadline: () => void
}

interface Idleness {
  dueAtMs: number
  /** A user's request runs there. */
  isBusy: boolean
}

/** A ring that takes longer is slow, or says nothing: that is for users' requests to find out. */
const mostMs = 60_000
/** Longer than receipts are waited for. */
const mostReceiptsMs = 150_000
/** Rings whose last answer is known; the eldest is forgotten. */
const mostRings = 64

export function createIdleChallenges(options: IdleChallengesOptions): IdleChallenges {
  const { clock, entropy, everyMs, vocab, send, receipts, audit, requests, runningOn } = options
  const known = new Map<number, Idleness>()
  let active: Challenge | null = null
  let count = 0
  let cancelTimer = (): void => {}
  let isClosed = false

  const idlenessOf = ({ epoch }: Ring): Idleness => {
    const idleness = known.get(epoch) ?? { dueAtMs: clock.monotonicMs(), isBusy: false }
    known.set(epoch, idleness)
    for (const old of [...known.keys()].slice(0, -mostRings)) known.delete(old)
    return idleness
  }

  const end = (challenge: Challenge): void => {
    challenge.cancelDeadline()
    if (active === challenge) active = null
    idlenessOf(challenge.ring).dueAtMs = clock.monotonicMs() + everyMs
  }

  /** Nothing is held against anybody: what came of it is forgotten. */
  const giveUp = (challenge: Challenge): void => {
    end(challenge)
    receipts.forget(challenge.requestId)
    send(challenge.ring.seats[0]!.peer, { type: 'cancel-request', requestId: challenge.requestId })
  }

  const giveWay = (): void => {
    if (active !== null && !active.isOver) giveUp(active)
  }

  const begin = (ring: Ring): void => {
    const order = drawChallenge(entropy, options)
    const requestId = Buffer.from(entropy.bytes(12)).toString('hex')
    const attempt = { coalition: ring.id, epoch: ring.epoch, seats: ring.seats, job: { ...order, requestId } }
    const job = { ...attempt.job, nonce: audit.termsFor(attempt, true).nonce }
    const { maxTokens } = order
    const challenge: Challenge = { requestId, ring, maxTokens, drawn: 0, isOver: false, cancelDeadline: () => {} }
    challenge.cancelDeadline = clock.schedule(mostMs, () => {
      giveUp(challenge)
      stir()
    })
    active = challenge
    receipts.sent({ ...attempt, job })
    send(ring.seats[0]!.peer, { type: 'run-request', epoch: ring.epoch, job })
  }

  const stir = (): void => {
    cancelTimer()
    cancelTimer = () => {}
    if (isClosed) return
    const nowMs = clock.monotonicMs()
    const rings = options.rings()
    for (const ring of rings) {
      const idleness = idlenessOf(ring)
      const isBusy = runningOn(ring.epoch) > 0
      if (idleness.isBusy && !isBusy) idleness.dueAtMs = nowMs + everyMs
      idleness.isBusy = isBusy
    }
    const isLost = active !== null && !rings.some(({ epoch }) => epoch === active?.ring.epoch)
    if (isLost || requests() > 0) giveWay()
    if (active !== null || requests() > 0 || !audit.isIdle()) return
    const isDue = (ring: Ring): boolean => idlenessOf(ring).dueAtMs <= nowMs
    const chosen = rings.find(ring => isDue(ring) && ring.maxContext >= longestChallenge && audit.canCheck(ring.seats))
    if (chosen !== undefined) {
      begin(chosen)
      return
    }
    const laterMs = rings.filter(ring => !isDue(ring)).map(ring => idlenessOf(ring).dueAtMs - nowMs)
    if (laterMs.length > 0) cancelTimer = clock.schedule(Math.min(...laterMs), stir)
  }

  return {
    stir,
    giveWay,
    heard: (peer, said) => {
      const challenge = active
      if (challenge === null || challenge.isOver || !('requestId' in said)) return
      if (said.requestId !== challenge.requestId || challenge.ring.seats[0]!.peer !== peer) return
      if (said.type === 'token-generated') {
        if (said.index < challenge.drawn) return
        challenge.drawn += 1
        if (said.index === challenge.drawn - 1 && challenge.drawn <= challenge.maxTokens && said.sampled.token < vocab)
          return
      } else if (said.type === 'request-finished' && said.reason !== 'cancelled' && challenge.drawn > 0) {
        challenge.isOver = true
        count += 1
        challenge.cancelDeadline()
        challenge.cancelDeadline = clock.schedule(mostReceiptsMs, () => {
          end(challenge)
          stir()
        })
        // They may all be there already.
        receipts.ended(challenge.requestId)
        return
      } else if (said.type !== 'request-failed' && said.type !== 'request-finished') return
      giveUp(challenge)
      stir()
    },
    settled: requestId => {
      if (active?.requestId !== requestId) return false
      end(active)
      stir()
      return true
    },
    isActive: () => active !== null,
    view: () => ({ challenges: count }),
    close: () => {
      isClosed = true
      cancelTimer()
      active?.cancelDeadline()
    },
  }
}
