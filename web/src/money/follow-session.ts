/** Follows one session over its event stream, reopened when it breaks, until it is over; then fetches the receipt. It keeps nothing. */
import type { Receipt, SessionView } from '@computepool/shared/money'
import { isDefiniteRefusal } from './api-door.ts'
import type { MoneyClient } from './money-client.ts'

export interface FollowParts {
  readonly client: Pick<MoneyClient, 'events' | 'receipt'>
  readonly token: string
  readonly signal: AbortSignal
  wait(delayMs: number, signal: AbortSignal): Promise<void>
  onView(view: SessionView): void
  /** The stream broke; it is opened again after a wait. */
  onLost(): void
}

const firstRetryMs = 1_000
const longestRetryMs = 15_000

/** The receipt, once the session is closed or refused; null once `signal` aborts. Rejects where the server disowns the token. */
export async function followSession(parts: FollowParts): Promise<Receipt | null> {
  const { client, token, signal } = parts
  let retryMs = firstRetryMs
  let isFinal = false
  while (!signal.aborted) {
    try {
      if (isFinal) return await client.receipt(token)
      for await (const view of client.events(token, signal)) {
        if (signal.aborted) return null
        retryMs = firstRetryMs
        parts.onView(view)
        isFinal = view.status === 'closed' || view.status === 'refused'
        if (isFinal) break
      }
      if (isFinal) continue
    } catch (thrown) {
      if (signal.aborted) return null
      if (isDefiniteRefusal(thrown)) throw thrown
    }
    parts.onLost()
    await parts.wait(retryMs, signal)
    retryMs = Math.min(longestRetryMs, retryMs * 2)
  }
  return null
}
