/**
 * Running requests' clocks, in memory: monotonic, so that a step of the wall clock costs nobody money. What must survive a crash
 * stands in the ledger; this room forgets everything with the process.
 */
import { type MoneySession, sessionDueAtomic } from '@computepool/shared/money'
import type { Clock } from '@computepool/shared/ports'

export interface LiveMeter {
  /** `readMs`: what its clock reads, where that is not simply the time since its start. */
  start(requestId: string, atMonotonicMs: number, readMs?: () => number): void
  stop(requestId: string): void
  /** Whole milliseconds so far; null where the request does not run here. */
  readMs(requestId: string): number | null
  /** The session as last written, with its running requests read by now. */
  remember(sessionId: string, session: MoneySession): void
  forget(sessionId: string): void
  /** Null where this process has not seen the session. */
  now(sessionId: string): MoneySession | null
}

export function createLiveMeter(clock: Clock): LiveMeter {
  const clocks = new Map<string, () => number>()
  const sessions = new Map<string, MoneySession>()
  const readMs = (requestId: string): number | null => {
    const read = clocks.get(requestId)
    return read === undefined ? null : Math.max(0, Math.floor(read()))
  }
  return {
    start: (requestId, atMs, read = () => clock.monotonicMs() - atMs) => {
      if (!clocks.has(requestId)) clocks.set(requestId, read)
    },
    stop: requestId => {
      clocks.delete(requestId)
    },
    readMs,
    remember: (sessionId, session) => {
      sessions.set(sessionId, session)
    },
    forget: sessionId => {
      sessions.delete(sessionId)
    },
    now: sessionId => {
      const session = sessions.get(sessionId)
      return session === undefined ? null : readRunning(session, readMs)
    },
  }
}

/** Each running request's reading by now; never less than what was written down. */
export function readRunning(session: MoneySession, readMs: (requestId: string) => number | null): MoneySession {
  const running = session.running.map(request => ({
    ...request,
    meteredMs: Math.max(request.meteredMs, readMs(request.requestId) ?? 0),
  }))
  return { ...session, running }
}

/** What the session has spent by now, running requests included. */
export const spentAtomic = sessionDueAtomic
