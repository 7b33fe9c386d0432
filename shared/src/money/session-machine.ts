/**
 * A paid session, step by step: opening → open ⇄ streaming → closing → closed, or opening → refused. Each step says which changes on
 * the chain it asks for, as absolute targets with an epoch. It knows neither database nor chain; times and readings come in.
 */
import { ComputePoolError } from '../errors/index.ts'
import { dueAtomic, endCostAtomic, mostRunningRequests, rateAtomic } from './meter.ts'
import type { SessionStatus } from './money-views.ts'

export interface RunningRequest {
  readonly requestId: string
  /** By the moment of this step; never less than at an earlier one. */
  readonly meteredMs: number
}

export interface MoneySession {
  readonly status: SessionStatus
  /** `request`: paid by its own voucher, closes at the end of its only request. */
  readonly origin: 'session' | 'request'
  readonly capAtomic: bigint
  readonly pricePerSecondAtomic: bigint
  /** Sum of the ended requests' costs. */
  readonly settledAtomic: bigint
  /** The chain's last word once closed, else null. */
  readonly dueAtomic: bigint | null
  readonly refundedAtomic: bigint | null
  /** The last epoch given out. */
  readonly epoch: number
  readonly running: readonly RunningRequest[]
  readonly closeReason: string | null
}

export type SessionEvent =
  | { readonly type: 'opened' }
  | { readonly type: 'refused'; readonly reason: string }
  | { readonly type: 'request-started'; readonly requestId: string }
  | {
      readonly type: 'request-ended'
      readonly requestId: string
      readonly meteredMs: number
      readonly tokens: number
      /** `moved`: another request goes on with its answer; a session of one request waits for that one. */
      readonly stoppedBy: string
    }
  /** The same target again under a new epoch: to renew the lease, or because the last order failed. */
  | { readonly type: 'target-renewed'; readonly why: string }
  | { readonly type: 'close-wanted'; readonly reason: string }
  /** Seen on the chain, whoever closed it. */
  | { readonly type: 'closed'; readonly dueAtomic: bigint; readonly refundedAtomic: bigint; readonly reason?: string }
export type SessionEventType = SessionEvent['type']

/** A change that the chain must make. Due is cumulative. */
export type ChainOrder =
  | { readonly kind: 'set'; readonly epoch: number; readonly rateAtomic: bigint; readonly dueAtomic: bigint }
  | { readonly kind: 'close'; readonly epoch: number; readonly dueAtomic: bigint }

export interface SessionStep {
  readonly session: MoneySession
  readonly orders: readonly ChainOrder[]
  /** False where the event was known already: nothing is to be written down. */
  readonly isNews: boolean
  /** Of a `request-ended`. */
  readonly costAtomic: bigint
}

/** What the session owes by the moment of `session.running`'s readings. */
export function sessionDueAtomic(session: MoneySession): bigint {
  if (session.dueAtomic !== null) return session.dueAtomic
  return dueAtomic({
    pricePerSecondAtomic: session.pricePerSecondAtomic,
    limitAtomic: session.capAtomic,
    settledAtomic: session.settledAtomic,
    runningMs: session.running.map(request => request.meteredMs),
  })
}

/**
 * Repeated events are no news and change nothing. Errors: `payment_session_opening`, `payment_session_closed`, `payment_cap_reached`,
 * `payment_session_full`, and `bug_unreachable_state` for a step that no caller can ask for.
 */
export function stepSession(session: MoneySession, event: SessionEvent): SessionStep {
  switch (event.type) {
    case 'opened':
      if (session.status === 'refused') throw illegal(session, event)
      if (session.status !== 'opening') return unchanged(session)
      // The wish to close came while the voucher was on its way.
      if (session.closeReason !== null) return ordered({ ...session, status: 'closing' })
      return news({ ...session, status: 'open' })
    case 'refused':
      if (session.status === 'refused') return unchanged(session)
      if (session.status !== 'opening') throw illegal(session, event)
      return news({ ...session, status: 'refused', closeReason: event.reason })
    case 'request-started':
      return startRequest(session, event.requestId)
    case 'request-ended':
      return endRequest(session, event)
    case 'target-renewed':
      if (session.status === 'open' || session.status === 'streaming') return ordered(session)
      if (session.status === 'closing') return ordered(session)
      return unchanged(session)
    case 'close-wanted':
      return wantClose(session, event.reason)
    case 'closed':
      if (session.status === 'closed') return unchanged(session)
      if (session.status === 'refused' || session.status === 'opening') throw illegal(session, event)
      return news({
        ...session,
        status: 'closed',
        dueAtomic: event.dueAtomic,
        refundedAtomic: event.refundedAtomic,
        closeReason: session.closeReason ?? event.reason ?? 'closed on the chain',
      })
  }
}

function startRequest(session: MoneySession, requestId: string): SessionStep {
  if (session.running.some(request => request.requestId === requestId)) return unchanged(session)
  if (session.status === 'opening') {
    throw new ComputePoolError(
      'payment_session_opening',
      'The session is not open yet: its voucher is being settled.',
      {
        remedy: 'Ask again in a moment.',
      },
    )
  }
  if (session.status !== 'open' && session.status !== 'streaming') {
    throw new ComputePoolError(
      'payment_session_closed',
      `The session is ${session.status}: it takes no more requests.`,
      {
        remedy: 'Open a new session.',
      },
    )
  }
  if (sessionDueAtomic(session) >= session.capAtomic) {
    throw new ComputePoolError(
      'payment_cap_reached',
      `The session's cap of ${session.capAtomic} atomic units is spent.`,
      {
        remedy: 'Open a new session.',
      },
    )
  }
  if (session.running.length >= mostRunningRequests) {
    throw new ComputePoolError('payment_session_full', `The session runs ${session.running.length} requests already.`, {
      remedy: 'Wait until one has ended, or open another session.',
    })
  }
  return ordered({ ...session, status: 'streaming', running: [...session.running, { requestId, meteredMs: 0 }] })
}

function endRequest(session: MoneySession, event: Extract<SessionEvent, { type: 'request-ended' }>): SessionStep {
  const request = session.running.find(({ requestId }) => requestId === event.requestId)
  if (request === undefined) return unchanged(session)
  if (!(event.meteredMs >= 0)) throw illegal(session, event)
  // Readings never go back: the chain may have been told the larger one.
  const meteredMs = Math.max(event.meteredMs, request.meteredMs)
  const limitAtomic = session.dueAtomic ?? session.capAtomic
  const { pricePerSecondAtomic, settledAtomic } = session
  const costAtomic = endCostAtomic({ pricePerSecondAtomic, settledAtomic, limitAtomic }, meteredMs)
  const running = session.running.filter(other => other !== request)
  const ended = { ...session, running, settledAtomic: settledAtomic + costAtomic }
  if (session.status === 'closed') return { ...news(ended), costAtomic }
  if (session.status === 'closing') {
    return { ...(running.length === 0 ? ordered(ended) : news(ended)), costAtomic }
  }
  if (session.status !== 'streaming') throw illegal(session, event)
  if (running.length > 0) return { ...ordered(ended), costAtomic }
  if (session.origin === 'request' && event.stoppedBy !== 'moved') {
    return { ...ordered({ ...ended, status: 'closing', closeReason: event.stoppedBy }), costAtomic }
  }
  return { ...ordered({ ...ended, status: 'open' }), costAtomic }
}

function wantClose(session: MoneySession, reason: string): SessionStep {
  if (session.closeReason !== null) return unchanged(session)
  const closing = { ...session, closeReason: reason }
  if (session.status === 'opening') return news(closing)
  if (session.status === 'open') return ordered({ ...closing, status: 'closing' })
  // What runs is being stopped; the last one to end orders the close, with the whole sum.
  if (session.status === 'streaming') return news({ ...closing, status: 'closing' })
  return unchanged(session)
}

/** The absolute target of a session as it stands, under the next epoch. */
function ordered(session: MoneySession): SessionStep {
  const epoch = session.epoch + 1
  const due = sessionDueAtomic(session)
  const order: ChainOrder =
    session.status === 'closing' && session.running.length === 0
      ? { kind: 'close', epoch, dueAtomic: due }
      : {
          kind: 'set',
          epoch,
          rateAtomic: rateAtomic(session.pricePerSecondAtomic, session.running.length),
          dueAtomic: due,
        }
  return { session: { ...session, epoch }, orders: [order], isNews: true, costAtomic: 0n }
}

const news = (session: MoneySession): SessionStep => ({ session, orders: [], isNews: true, costAtomic: 0n })

const unchanged = (session: MoneySession): SessionStep => ({ session, orders: [], isNews: false, costAtomic: 0n })

const illegal = (session: MoneySession, event: SessionEvent): ComputePoolError =>
  new ComputePoolError('bug_unreachable_state', `A session that is ${session.status} cannot take "${event.type}".`)
