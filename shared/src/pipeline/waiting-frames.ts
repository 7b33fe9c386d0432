/** What frames that came early may take of a seat's memory while they wait. It counts; it puts nothing in order. */
import type { Frame } from '../wire/index.ts'
import type { Draft } from './pipeline-draft.ts'
import { type ReorderBuffer, reorderLimit } from './reorder-frames.ts'

const widestElementBytes = 4
/** Of a frame beside its payload: its header, as bytes (`decodeFrame` lets go of longer ones) or as it was read. */
const headerBytes = 4096
/** Of one alternative to a token, with its log-probability. */
const alternativeBytes = 64
/** All requests together may hold what so many single ones may. */
const requestsWaiting = 2
/** A draft's answer with all alternatives, for each frame that may be under way. */
const answersWaitingBytes = 16 << 20

/** What makes the frames that wait here too many, in words; `buffer` is the request's to be. Null where they are not. */
export function faultOfWaiting(draft: Draft, requestId: string, buffer: ReorderBuffer<Frame>): string | null {
  if (buffer.held.size === 0) return null
  const { isEntry } = draft.place
  const { maxContext, hidden } = draft.config
  // A prompt's frames that wait have no position in common, so all of them are no more than a whole context.
  const contextBytes = maxContext * hidden * widestElementBytes
  const own = [...buffer.held.values()].reduce((sum, { payload }) => sum + payload.byteLength, 0)
  if (!isEntry && own > contextBytes)
    return `${own} bytes wait for frame ${buffer.next}; a whole context is ${contextBytes}.`
  let all = bytesHeld(buffer)
  for (const other of draft.requests.values()) if (other.requestId !== requestId) all += bytesHeld(other.inbox)
  const most = isEntry ? answersWaitingBytes : requestsWaiting * (contextBytes + reorderLimit * headerBytes)
  return all > most ? `${all} bytes of early frames wait here; at most ${most} may.` : null
}

function bytesHeld({ held }: ReorderBuffer<Frame>): number {
  let bytes = 0
  for (const { header, payload } of held.values()) {
    const described = header.sampled_list ?? (header.sampled === undefined ? [] : [header.sampled])
    const alternatives = described.reduce((sum, { topLogprobs }) => sum + topLogprobs.length + 1, 0)
    bytes += headerBytes + payload.byteLength + alternativeBytes * alternatives
  }
  return bytes
}
