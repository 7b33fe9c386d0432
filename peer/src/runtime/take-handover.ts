/**
 * Waits for what one peer hands over for a check, so long and no longer, and says in a report's words where it does not come. It knows neither what a
 * blob should hold nor what is computed of it.
 */
import { decodeHandover, type Handover, type RunCheck } from '@computepool/shared/audit'
import { asComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import type { DeskRequest } from '@computepool/shared/wire'
import type { Arrived, HandoverInbox } from './handover-inbox.ts'

type Reported = Extract<DeskRequest, { type: 'check-reported' }>
export type CheckReport = Omit<Reported, 'type' | 'check'>

export interface TakeHost {
  readonly clock: Clock
  readonly inbox: Pick<HandoverInbox, 'arrival'>
  readonly isLinked: (peer: string) => boolean
}

export interface Take {
  readonly check: RunCheck['check']
  readonly peer: string
  /** Null: whichever comes first. */
  readonly as: 'received' | 'sent' | null
  readonly withinMs: number
  /** It was not given the time that it may take: nothing is held against it. */
  readonly isExcused?: boolean
}

/** A blob, or what to report where it does not come. Errors: the signal's reason. */
export async function takeHandover(
  { clock, inbox, isLinked }: TakeHost,
  { check, peer, as, withinMs, isExcused = false }: Take,
  outer: AbortSignal,
): Promise<Handover | CheckReport> {
  outer.throwIfAborted()
  const late = new AbortController()
  const cancel = clock.schedule(Math.max(0, withinMs), () => late.abort(new Error('late')))
  const give = (): void => late.abort(outer.reason)
  outer.addEventListener('abort', give, { once: true })
  let arrived: Arrived
  try {
    arrived = await inbox.arrival(check, peer, as, late.signal)
  } catch {
    outer.throwIfAborted()
    // Whoever has no way to us owes nothing.
    if (!isLinked(peer)) return { ...failed(`There is no link to ${peer}.`), blamed: peer as Reported['blamed'] }
    if (isExcused) return failed('Too little time was left to wait for what was sent.')
    return withheld(peer, 'It handed over nothing in time, or not all.')
  } finally {
    cancel()
    outer.removeEventListener('abort', give)
  }
  if ('noRoom' in arrived) return failed('More was handed over at once than there is room for.')
  if ('fault' in arrived) return withheld(peer, arrived.fault)
  try {
    return decodeHandover(arrived.bytes)
  } catch (thrown) {
    return withheld(peer, asComputePoolError(thrown).message)
  }
}

export function failed(words: string): CheckReport {
  return { outcome: 'failed', blamed: null, words: words.slice(0, 1000), computeMs: 0, finding: null, evidence: null }
}

export function withheld(peer: string, words: string): CheckReport {
  return { ...failed(words), outcome: 'withheld', blamed: peer as Reported['blamed'] }
}
