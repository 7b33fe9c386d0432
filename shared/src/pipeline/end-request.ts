/** The ways a request ends at a seat: its cache is freed here, the seats behind hear of it, and the entry tells the desk once. */
import { ComputePoolError, type ErrorData } from '../errors/index.ts'
import type { FrameControl } from '../wire/index.ts'
import { type Draft, sendControl } from './pipeline-draft.ts'
import type { RequestState } from './pipeline-state.ts'

/** Ended requests that are remembered, so that their late frames revive nothing. */
const rememberedEnds = 1024

/** Forgets the request here. While its row is in the engine the cache is freed when that step is over. */
function release(draft: Draft, requestId: string): void {
  draft.requests.delete(requestId)
  draft.turns = draft.turns.filter(id => id !== requestId)
  if (!draft.ended.has(requestId)) draft.ended.set(requestId, false)
  if (draft.ended.size > rememberedEnds) draft.ended.delete(draft.ended.keys().next().value!)
  if (!draft.running?.some(task => task.requestId === requestId)) draft.acts.push({ type: 'forget', requestId })
}

/** Tells the next seat, once. */
function passOn(draft: Draft, requestId: string, seq: number, control: FrameControl): void {
  if (draft.ended.get(requestId) === true) return
  draft.ended.set(requestId, true)
  const { next } = draft.place
  if (next !== null && !draft.lostPeers.has(next)) sendControl(draft, next, requestId, seq, control)
}

/** Frees the request here and behind, with no word to the entry: it asked for it, or it is gone. */
export function endRequest(draft: Draft, requestId: string, control: FrameControl = { type: 'end' }): void {
  const seq = draft.requests.get(requestId)?.outSeq ?? 0
  release(draft, requestId)
  passOn(draft, requestId, seq, control)
}

/** Entry: the answer is complete, or nobody wants it any more. */
export function finishRequest(draft: Draft, request: RequestState, reason: 'stop' | 'length' | 'cancelled'): void {
  const { requestId } = request
  endRequest(draft, requestId)
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
    sendControl(draft, entry, requestId, seq, failed)
}

/** A frame that decodes but cannot be meant: the request fails, the link stays. */
export function frameError(requestId: string, message: string): ErrorData {
  return new ComputePoolError('peer_frame_invalid', message, {
    remedy: 'Send the request again; if it repeats, the peer before this one runs another version.',
    context: { requestId },
  }).toJSON()
}
