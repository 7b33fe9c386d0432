/** The ways a request ends at a seat: its cache is freed here, the seats behind hear of it, and the entry tells the desk once. */
import { ComputePoolError, type ErrorData } from '../errors/index.ts'
import type { FrameControl } from '../wire/index.ts'
import { type Draft, sendControl } from './pipeline-draft.ts'
import type { RequestState } from './pipeline-state.ts'
import type { CacheReuse } from './sampling-params.ts'

/** Ended requests that are remembered, so that their late frames revive nothing. */
const rememberedEnds = 1024

/** Ended requests whose caches are kept: beyond this the eldest is forgotten, however much room the engine has. */
const keptLimit = 64

/** Forgets the request here, or keeps its cache. While its row is in the engine the cache is freed when that step is over. */
function release(draft: Draft, requestId: string, isKept: boolean): void {
  const request = draft.requests.get(requestId)
  if (request !== undefined && request.chains !== null) draft.receipts.push({ type: 'receipt', request })
  draft.requests.delete(requestId)
  draft.turns = draft.turns.filter(id => id !== requestId)
  rememberEnd(draft, requestId, { isHeld: request !== undefined, isPassedOn: isPassedOn(draft, requestId) })
  if (draft.running?.some(task => task.requestId === requestId)) return
  // Rows that wait for the engine are rows that its cache lacks.
  if (isKept && request !== undefined && request.pending.length === 0) keepCache(draft, requestId)
  else draft.acts.push({ type: 'forget', requestId })
}

/** Late frames of such a request revive nothing. */
export function hasEnded({ ended, endedUnheld }: Draft, requestId: string): boolean {
  return ended.has(requestId) || endedUnheld.has(requestId)
}

function isPassedOn({ ended, endedUnheld }: Draft, requestId: string): boolean {
  return ended.get(requestId) ?? endedUnheld.get(requestId) ?? false
}

/** The only copy of so many that a step makes, and only where a request ends. */
function rememberEnd(
  draft: Draft,
  requestId: string,
  end: { readonly isHeld: boolean; readonly isPassedOn: boolean },
): void {
  const which = end.isHeld || draft.ended.has(requestId) ? 'ended' : 'endedUnheld'
  const ended = new Map(draft[which]).set(requestId, end.isPassedOn)
  if (ended.size > rememberedEnds) ended.delete(ended.keys().next().value!)
  draft[which] = ended
}

function keepCache(draft: Draft, requestId: string): void {
  draft.acts.push({ type: 'keep', requestId })
  const kept = [...draft.kept.filter(id => id !== requestId), requestId]
  for (const eldest of kept.splice(0, kept.length - keptLimit)) draft.acts.push({ type: 'forget', requestId: eldest })
  draft.kept = kept
}

/** The seat is given up: caches of requests that are over go with it. */
export function forgetKept(draft: Draft): void {
  for (const requestId of draft.kept) draft.acts.push({ type: 'forget', requestId })
  draft.kept = []
}

/** What keeps a request from beginning with the cache that it names; null where it is kept, as far as is known here. */
export function missingPrefix(draft: Draft, { requestId, positions }: CacheReuse): ErrorData | null {
  if (draft.kept.includes(requestId) && !draft.requests.has(requestId)) return null
  return new ComputePoolError(
    'engine_prefix_missing',
    `Seat ${draft.config.seat} keeps no cache of request ${requestId}, of which ${positions} positions were to be used again.`,
    { remedy: 'Send the request again from position 0.', context: { reusedRequestId: requestId, positions } },
  ).toJSON()
}

/** Tells the next seat, once. */
function passOn(draft: Draft, requestId: string, seq: number, control: FrameControl): void {
  if (isPassedOn(draft, requestId)) return
  rememberEnd(draft, requestId, { isHeld: false, isPassedOn: true })
  const { next } = draft.place
  if (next !== null && !draft.lostPeers.has(next)) sendControl(draft, next, { requestId, seq, control })
}

/** Frees the request here and behind, or keeps its caches, with no word to the entry: it asked for it, or it is gone. */
export function endRequest(draft: Draft, requestId: string, control: FrameControl = { type: 'end' }): void {
  const seq = draft.requests.get(requestId)?.outSeq ?? 0
  release(draft, requestId, control.type === 'end' && control.keep === true)
  passOn(draft, requestId, seq, control)
}

/** Entry: the answer is complete, or nobody wants it any more. */
export function finishRequest(draft: Draft, request: RequestState, reason: 'stop' | 'length' | 'cancelled'): void {
  const { requestId } = request
  const isKept = reason !== 'cancelled' && request.entry?.job.keepCache === true
  endRequest(draft, requestId, isKept ? { type: 'end', keep: true } : { type: 'end' })
  const { directHops = 0, laps = 0 } = request.entry ?? {}
  draft.acts.push({ type: 'report', message: { type: 'request-finished', requestId, reason, directHops, laps } })
}

/** The request cannot go on: freed here and behind. The entry reports it; any other seat tells the entry, which ends it in between. */
export function failRequest(draft: Draft, requestId: string, error: ErrorData): void {
  if (draft.place.isEntry) {
    endRequest(draft, requestId)
    draft.acts.push({ type: 'report', message: { type: 'request-failed', requestId, error } })
    return
  }
  passFailure(draft, requestId, {
    type: 'failed',
    code: error.code,
    message: error.message.slice(0, 1000),
    remedy: error.remedy.slice(0, 1000),
    seat: draft.config.seat,
  })
}

/**
 * The straight link to the entry is the fast way, but a ring can serve without it: so the word also travels forward, in place of
 * the end, and the exit hands it over. The entry heeds the first.
 */
export function passFailure(draft: Draft, requestId: string, failed: Extract<FrameControl, { type: 'failed' }>): void {
  const { entry, isExit } = draft.place
  const seq = draft.requests.get(requestId)?.outSeq ?? 0
  endRequest(draft, requestId, failed)
  if ((isExit || failed.seat === draft.config.seat) && !draft.lostPeers.has(entry))
    sendControl(draft, entry, { requestId, seq, control: failed })
}

/** A frame that decodes but cannot be meant: the request fails, the link stays. */
export function frameError(requestId: string, message: string): ErrorData {
  return new ComputePoolError('peer_frame_invalid', message, {
    remedy: 'Send the request again; if it repeats, the peer before this one runs another version.',
    context: { requestId },
  }).toJSON()
}
