/**
 * What a session has spent by now: the server's last view, grown by price × running requests × time since, never past the cap. Pure;
 * times are this page's monotonic milliseconds, and the server's wall clock is carried forward from the view.
 */
import { type PaidTerms, requestCostAtomic, type SessionView } from '@computepool/shared/money'

/** A view, and when this page got it. */
export interface SeenSession {
  readonly view: SessionView
  readonly seenAtMs: number
  /** `lost`: nobody tells what runs, so nothing is counted on. */
  readonly connection: 'live' | 'lost'
}

/** True while the meter moves. */
export function isMetering({ view, connection }: SeenSession): boolean {
  return connection === 'live' && view.runningRequests > 0 && (view.status === 'open' || view.status === 'streaming')
}

/** Atomic units, rounded down for each running request, at most the cap. */
export function spentNowAtomic(seen: SeenSession, nowMs: number): bigint {
  const { view } = seen
  const elapsedMs = isMetering(seen) ? BigInt(Math.max(0, Math.floor(nowMs - seen.seenAtMs))) : 0n
  const running = BigInt(view.runningRequests)
  const spent = view.spentAtomic + running * requestCostAtomic(view.pricePerSecondAtomic, elapsedMs)
  return spent < view.capAtomic ? spent : view.capAtomic
}

/** What would come back now; once closed, what was sent back. */
export function refundableNowAtomic(seen: SeenSession, nowMs: number): bigint {
  const { view } = seen
  return view.status === 'closed' ? view.refundableAtomic : view.capAtomic - spentNowAtomic(seen, nowMs)
}

/** Whole seconds left of the lease, rounded up; null while nothing streams. */
export function leaseLeftSeconds({ view, seenAtMs }: SeenSession, nowMs: number): number | null {
  if (view.leaseUntil === null) return null
  const serverNowMs = view.atMs + Math.max(0, nowMs - seenAtMs)
  return Math.max(0, Math.ceil((view.leaseUntil * 1000 - serverNowMs) / 1000))
}

/** True where the rest of the cap pays not even a tenth of a second. */
export function isCapSpent(seen: SeenSession, nowMs: number): boolean {
  const { view } = seen
  return view.capAtomic - spentNowAtomic(seen, nowMs) <= requestCostAtomic(view.pricePerSecondAtomic, 100n)
}

/** For how long a cap lasts while one request runs, in milliseconds, rounded down. */
export function capLastsMs(
  capAtomic: bigint,
  { pricePerSecondAtomic }: Pick<PaidTerms, 'pricePerSecondAtomic'>,
): number {
  return pricePerSecondAtomic === 0n ? Number.POSITIVE_INFINITY : Number((capAtomic * 1000n) / pricePerSecondAtomic)
}
