/** A seat behind the entry: takes activations in order, cuts them to its engine's rows, passes on what they became. */

import { activationElementBytes, activationRows, isFiniteActivation } from '../engine/index.ts'
import { ComputePoolError, errorFromData } from '../errors/index.ts'
import type { Activation } from '../ports/index.ts'
import { type Frame, maxDraftTokens } from '../wire/index.ts'
import { failRequest, frameError, hasEnded, missingPrefix } from './end-request.ts'
import { faultOfOrder, openFrameOrder, orderAfter } from './frame-order.ts'
import { change, type Draft, enqueue } from './pipeline-draft.ts'
import { openRequestState, type RequestState, type RowTask } from './pipeline-state.ts'
import { reorder, reorderLimit } from './reorder-frames.ts'
import { noteReceived } from './request-chains.ts'
import { faultOfWaiting } from './waiting-frames.ts'

/** Errors: `peer_frame_invalid` for a frame that nobody sends by mistake; its sender is to be dropped. */
export function takeHidden(draft: Draft, frame: Frame, nowMs: number) {
  const { request_id: requestId, seq } = frame.header
  if (hasEnded(draft, requestId)) return
  const request = draft.requests.get(requestId) ?? admit(draft, requestId, nowMs)
  if (request === null) return
  const fault = faultAtSight(draft, frame)
  if (fault !== null) return failRequest(draft, requestId, frameError(requestId, fault))
  const { buffer, due, fits } = reorder(request.inbox, seq, frame)
  if (!fits)
    return failRequest(
      draft,
      requestId,
      frameError(
        requestId,
        `Frame ${seq} arrived while ${request.inbox.next} is due; at most ${reorderLimit} may wait.`,
      ),
    )
  const tooMuch = faultOfWaiting(draft, requestId, buffer)
  if (tooMuch !== null) return failRequest(draft, requestId, frameError(requestId, tooMuch))
  change(draft, request, { inbox: buffer, lastProgressMs: nowMs })
  for (const next of due) {
    const live = draft.requests.get(requestId)
    if (live === undefined) continue
    if (live.chains !== null)
      draft.acts.push({ type: 'received', requestId, header: next.header, payload: next.payload })
    const noted = change(draft, live, { chains: noteReceived(live.chains, next.header, next.payload) })
    acceptHidden(draft, noted, next, nowMs)
  }
}

function admit(draft: Draft, requestId: string, nowMs: number): RequestState | null {
  const { maxRequests, seat } = draft.config
  if (draft.requests.size < maxRequests) {
    const request = openRequestState({ config: draft.config, requestId, nowMs, entry: null })
    draft.requests.set(requestId, request)
    return request
  }
  const error = new ComputePoolError('swarm_busy', `Seat ${seat} holds ${maxRequests} requests, which is its limit.`, {
    remedy: 'Try again when one of them is over.',
  })
  failRequest(draft, requestId, error.toJSON())
  return null
}

function acceptHidden(draft: Draft, before: RequestState, frame: Frame, nowMs: number) {
  const { header, payload } = frame
  const { requestId } = before
  const { hidden, maxContext, maxChunk } = draft.config
  const fault = faultOf(draft, before, frame)
  if (fault !== null) return failRequest(draft, requestId, frameError(requestId, fault))
  const brought = header.shape[0]!
  if (header.position + brought > maxContext) {
    const error = new ComputePoolError(
      'input_context_too_long',
      `Position ${header.position + brought} is beyond this seat's ${maxContext}.`,
      { remedy: 'Send fewer tokens.', context: { requestId, maxContext } },
    )
    return failRequest(draft, requestId, error.toJSON())
  }
  const { reuse = null } = header
  const asked = header.draft ?? []
  const place = {
    position: header.position,
    rows: brought,
    guesses: asked.length,
    isSampled: header.sample === true,
  }
  const order = reuse === null ? before.order : openFrameOrder(reuse.positions)
  const disorder = faultOfOrder(order, place)
  // What is cut back to may have been signed for, and never comes again: it is no request that went wrong, but one that hides what was computed.
  if (disorder !== null) throw errorFromData(frameError(requestId, disorder))
  const skipped = faultOfDrawn(draft, before, header.position)
  if (skipped !== null) return failRequest(draft, requestId, frameError(requestId, skipped))
  const missing = reuse === null ? null : missingPrefix(draft, reuse)
  if (missing !== null) return failRequest(draft, requestId, missing)
  let request = change(draft, before, { order: orderAfter(order, place) })
  if (header.sampling !== undefined && request.sampling === null)
    request = change(draft, request, {
      sampling: header.sampling,
      prompt: header.prompt_tokens ?? [],
      generated: header.generated_tokens ?? [],
      firstDrawn: null,
      reuse,
      nonce: header.nonce ?? '',
    })
  const dtype = header.dtype as Activation['dtype']
  const activation: Activation = { dtype, tokens: brought, hidden, data: payload }
  const certain = brought - asked.length
  // Guesses are verified in one row with the token they follow: those beyond this engine's row are dropped.
  const guesses = asked.slice(0, maxChunk - 1 - ((certain - 1) % maxChunk))
  const tokens = certain + guesses.length
  const tasks: RowTask[] = []
  for (let start = 0; start < tokens; start += maxChunk) {
    const end = Math.min(tokens, start + maxChunk)
    tasks.push({
      requestId,
      position: header.position + start,
      tokens: end - start,
      input: { activation: end - start === brought ? activation : activationRows(activation, start, end) },
      reuse: start === 0 ? reuse : null,
      isSampled: header.sample === true && end === tokens,
      guesses: end === tokens ? guesses : [],
      trace: header.trace ?? [],
      arrivedMs: nowMs,
      startedMs: nowMs,
      isSolo: false,
    })
  }
  enqueue(draft, request, ...tasks)
}

/** What makes the frame impossible whenever its turn comes, in words: seen before it waits, so that what waits is what was counted. */
function faultAtSight(draft: Draft, { header, payload }: Frame): string | null {
  const { hidden, maxContext, seat } = draft.config
  const { dtype, shape, seq } = header
  if (dtype !== 'f32' && dtype !== 'f16' && dtype !== 'bf16') return `An activation of type ${dtype} arrived.`
  const [tokens = 0, width = 0] = shape
  if (shape.length !== 2 || tokens < 1 || width !== hidden)
    return `An activation of shape [${shape.join(', ')}] arrived; this model's is [tokens, ${hidden}].`
  const expectedBytes = tokens * hidden * activationElementBytes(dtype)
  if (payload.byteLength !== expectedBytes)
    return `${payload.byteLength} bytes arrived; ${tokens} rows of ${hidden} ${dtype} are ${expectedBytes}.`
  if ((header.trace?.length ?? 0) > seat) return 'A trace names more seats than came before.'
  if (seq > 0 && header.reuse !== undefined) return 'A cache to begin with was named after the first frame.'
  if (seq > 0 && header.nonce !== undefined) return 'A nonce came after the first frame.'
  const told = (header.prompt_tokens?.length ?? 0) + (header.generated_tokens?.length ?? 0)
  if (seq > 0 && (told > 0 || header.sampling !== undefined))
    return `Frame ${seq} brought a text of ${told} tokens or sampling, which only the first one may.`
  if (told > maxContext)
    return `A text of ${told} tokens came beside the activation; this seat's context is ${maxContext}.`
  return null
}

/** Only the exit knows how many guesses came true: whoever sent it the frame may have been sent it so, and is not dropped. */
function faultOfDrawn(
  { place }: Draft,
  { order, firstDrawn, generated }: RequestState,
  position: number,
): string | null {
  if (!place.isExit || !order.isDrawing) return null
  const last = firstDrawn === null ? null : firstDrawn + generated.length - 1
  if (position === last) return null
  return `A frame begins at position ${position}, where ${last === null ? 'no token was drawn yet' : `the last token drawn is ${last}`}.`
}

/** What makes the frame impossible now, in words; null where it is sound. */
function faultOf(draft: Draft, request: RequestState, { header, payload }: Frame): string | null {
  const { maxContext } = draft.config
  const { dtype, shape, position } = header
  if (header.reuse !== undefined && header.reuse.positions !== position)
    return `A frame begins at position ${position} with ${header.reuse.positions} positions of a kept cache.`
  if (position > request.length && header.reuse === undefined)
    return `A frame starts at position ${position}, but this seat has only seen ${request.length}.`
  if (request.sampling === null && header.sampling === undefined) return 'The first frame of a request has no sampling.'
  if (!isFiniteActivation({ dtype: dtype as Activation['dtype'], data: payload }))
    return `Activations from position ${position} on are not finite.`
  // Who waits for answers sends a position again only with another draft.
  const waiting = request.pending.reduce((sum, task) => sum + task.tokens, 0)
  const most = maxContext + maxDraftTokens
  if (waiting + shape[0]! > most)
    return `${shape[0]} positions arrived while ${waiting} wait for the engine; at most ${most} may.`
  return null
}
