/** The ways a request ends at a seat: its cache is freed here, the seats behind hear of it, and the entry tells the desk once. */
import { ComputePoolError, type ErrorData } from '../errors/index.ts'
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
function passEnd(draft: Draft, requestId: string, seq: number): void {
  if (draft.ended.get(requestId) === true) return
  draft.ended.set(requestId, true)
  const { next } = draft.place
  if (next !== null && !draft.lostPeers.has(next)) sendControl(draft, next, requestId, seq, { type: 'end' })
}

/** Frees the request here and behind, with no word to the entry: it asked for it, or it is gone. */
export function endRequest(draft: Draft, requestId: string): void {
  const seq = draft.requests.get(requestId)?.outSeq ?? 0
  release(draft, requestId)
  passEnd(draft, requestId, seq)
}

/** Entry: the answer is complete, or nobody wants it any more. */
export function finishRequest(draft: Draft, request: RequestState, reason: 'stop' | 'length' | 'cancelled'): void {
  const { requestId } = request
  endRequest(draft, requestId)
  const directHops = request.entry?.directHops ?? 0
  draft.acts.push({ type: 'report', message: { type: 'request-finished', requestId, reason, directHops } })
}

/** The request cannot go on: freed here and behind; the entry reports it, any other seat tells the entry, which ends it in between. */
export function failRequest(draft: Draft, requestId: string, error: ErrorData): void {
  if (draft.place.isEntry) {
    endRequest(draft, requestId)
    draft.acts.push({ type: 'report', message: { type: 'request-failed', requestId, error } })
    return
  }
  const seq = draft.requests.get(requestId)?.outSeq ?? 0
  endRequest(draft, requestId)
  if (!draft.lostPeers.has(draft.place.entry))
    sendControl(draft, draft.place.entry, requestId, seq, {
      type: 'failed',
      code: error.code,
      message: error.message.slice(0, 1000),
      remedy: error.remedy.slice(0, 1000),
      seat: draft.config.seat,
    })
}

/** A frame that decodes but cannot be meant: the request fails, the link stays. */
export function frameError(requestId: string, message: string): ErrorData {
  return new ComputePoolError('peer_frame_invalid', message, {
    remedy: 'Send the request again; if it repeats, the peer before this one runs another version.',
    context: { requestId },
  }).toJSON()
}
