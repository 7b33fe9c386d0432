/** Where the money of many sessions is, added up. Pure; atomic units. Refused sessions never held any. */
import type { SessionView } from '@computepool/shared/money'

export interface SessionSums {
  readonly capAtomic: bigint
  readonly spentAtomic: bigint
  readonly refundedAtomic: bigint
  /** What open sessions may still spend or get back. */
  readonly heldAtomic: bigint
  readonly bufferAtomic: bigint
}

/** capAtomic = spentAtomic + refundedAtomic + heldAtomic, where every view adds up. */
export function sumSessions(sessions: readonly SessionView[]): SessionSums {
  const held = sessions.filter(({ status }) => status !== 'refused')
  const sum = (of: (session: SessionView) => bigint) => held.reduce((total, session) => total + of(session), 0n)
  return {
    capAtomic: sum(session => session.capAtomic),
    spentAtomic: sum(session => session.spentAtomic),
    refundedAtomic: sum(session => (session.status === 'closed' ? session.refundableAtomic : 0n)),
    heldAtomic: sum(session => (session.status === 'closed' ? 0n : session.refundableAtomic)),
    bufferAtomic: sum(session => session.bufferAtomic),
  }
}
