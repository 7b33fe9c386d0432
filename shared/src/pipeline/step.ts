/**
 * One seat of the token loop: `step(state, event)` gives the next state and what to do about it. Activations go forward from seat to
 * seat, a token or a typed failure comes straight back to the entry. It knows no HTTP, no links and no engine; time comes in events.
 */
import { asComputePoolError, ComputePoolError, type ErrorData } from '../errors/index.ts'
import { plainLapMs } from '../speculation/index.ts'
import { decodeControl, decodeTokens, type Frame } from '../wire/index.ts'
import { endRequest, failRequest, finishRequest, forgetKept, frameError, passFailure } from './end-request.ts'
import { isDecoding, slowestChunkMs } from './pace-prompt.ts'
import { change, closeDraft, type Draft, openDraft } from './pipeline-draft.ts'
import type { EntryRequest, PipelineAct, PipelineEvent, PipelineState, RequestState } from './pipeline-state.ts'
import { reorder } from './reorder-frames.ts'
import { startRows } from './schedule-rows.ts'
import { takeFailure, takeProgress, takeTokens } from './step-entry.ts'
import { failStep, finishStep } from './step-outcomes.ts'
import { takeHidden } from './step-stage.ts'
import { submitRequest } from './submit-request.ts'
import { faultOfWaiting } from './waiting-frames.ts'

/** Chunks that were under way when a row came, at each seat, in the worst case. */
const chunksWaitedFor = 4
/** Times the plain deadline of a first token, where seats are slow and many requests wait. */
const mostFirst = 10

/** Pure: the state that was given stays as it was. */
export function step(state: PipelineState, event: PipelineEvent): [PipelineState, PipelineAct[]] {
  const draft = openDraft(state)
  apply(draft, event)
  if (event.type !== 'peer-opened') startRows(draft, event.nowMs)
  return closeDraft(draft)
}

function apply(draft: Draft, event: PipelineEvent) {
  switch (event.type) {
    case 'request-submitted':
      return submitRequest(draft, event.job, event.nowMs)
    case 'request-cancelled': {
      const request = draft.requests.get(event.requestId)
      if (request === undefined) return
      // The desk has not heard from a seat whose neighbour keeps the end to itself.
      return request.entry === null ? endRequest(draft, event.requestId) : finishRequest(draft, request, 'cancelled')
    }
    case 'frame-received':
      try {
        return takeFrame(draft, event.peer, event.frame, event.nowMs)
      } catch (thrown) {
        return dropPeer(draft, event.peer, asComputePoolError(thrown, 'peer_frame_invalid').toJSON())
      }
    case 'frame-rejected':
      return dropPeer(draft, event.peer, event.error)
    case 'step-finished':
      return finishStep(draft, event)
    case 'step-failed':
      return failStep(draft, event.error)
    case 'send-failed':
      if (draft.requests.has(event.requestId)) failRequest(draft, event.requestId, event.error)
      return
    case 'peer-closed':
      return losePeer(draft, event.peer, event.error)
    case 'peer-opened':
      // A peer that was shut out stays out until the next assignment.
      if (draft.lostPeers.has(event.peer) && draft.lostPeers.get(event.peer)?.code !== 'peer_frame_invalid') {
        const lostPeers = new Map(draft.lostPeers)
        lostPeers.delete(event.peer)
        draft.lostPeers = lostPeers
      }
      return
    case 'seat-closed':
      for (const requestId of [...draft.requests.keys()]) failRequest(draft, requestId, event.error)
      return forgetKept(draft)
    case 'ticked':
      return checkDeadlines(draft, event.nowMs)
  }
}

function takeFrame(draft: Draft, peer: string, frame: Frame, nowMs: number) {
  const { header } = frame
  // Whoever computes others' work again takes these beside its seat, if it has one.
  if (header.kind === 'handover') return
  if (header.epoch !== draft.config.epoch || draft.lostPeers.has(peer)) return
  const { isEntry, previous, exit } = draft.place
  const isMember = draft.config.seats.some(seat => seat.peer === peer) && peer !== ownPeer(draft)
  if (header.kind === 'hidden' && isMember && peer === previous) return takeHidden(draft, frame, nowMs)
  if (header.kind === 'token' && isEntry && isMember && peer === exit) return takeFromExit(draft, frame, nowMs)
  const control = header.kind === 'control' && isMember ? decodeControl(frame) : null
  if (control?.type === 'end' && peer === previous) return endRequest(draft, header.request_id, control)
  if (control?.type === 'progress' && isEntry && peer === exit) return takeFromExit(draft, frame, nowMs)
  if (control?.type === 'failed' && peer === previous) return passFailure(draft, header.request_id, control)
  if (control?.type === 'failed' && isEntry) {
    if (draft.requests.has(header.request_id)) takeFailure(draft, header.request_id, control)
    return
  }
  const what = control === null ? header.kind : control.type
  dropPeer(
    draft,
    peer,
    frameError(header.request_id, `A ${what} frame came from ${peer}, which may not send one here.`),
  )
}

function ownPeer(draft: Draft): string | undefined {
  return draft.config.seats[draft.config.seat]?.peer
}

/** Tokens and progress share one numbering, so that a token never overtakes the prompt's acknowledgement. */
function takeFromExit(draft: Draft, frame: Frame, nowMs: number) {
  const requestId = frame.header.request_id
  const request = draft.requests.get(requestId)
  if (request === undefined) return
  const { buffer, due, fits } = reorder(request.inbox, frame.header.seq, frame)
  if (!fits)
    return failRequest(draft, requestId, frameError(requestId, `Token frame ${frame.header.seq} is far ahead.`))
  const tooMuch = faultOfWaiting(draft, requestId, buffer)
  if (tooMuch !== null) return failRequest(draft, requestId, frameError(requestId, tooMuch))
  change(draft, request, { inbox: buffer })
  for (const next of due) {
    const live = draft.requests.get(requestId)
    if (live !== undefined) takeDue(draft, live, next, nowMs)
  }
}

function takeDue(draft: Draft, request: RequestState, frame: Frame, nowMs: number) {
  const { position, trace = [] } = frame.header
  if (frame.header.kind === 'control') {
    const control = decodeControl(frame)
    if (control.type === 'progress') takeProgress(draft, request, { position: control.position, trace, nowMs })
    return
  }
  takeTokens(draft, request, { sampled: decodeTokens(frame), position, trace, directHops: 1, nowMs })
}

function dropPeer(draft: Draft, peer: string, error: ErrorData): void {
  draft.acts.push({ type: 'drop-peer', peer, error })
  losePeer(draft, peer, error)
}

/** Requests whose ring passes the lost peer fail; a stage that lost the entry has nobody to tell, and frees them. */
function losePeer(draft: Draft, peer: string, error: ErrorData): void {
  if (!draft.config.seats.some(seat => seat.peer === peer) || peer === ownPeer(draft)) return
  draft.lostPeers = new Map(draft.lostPeers).set(peer, error)
  const { isEntry, entry, exit, previous, next } = draft.place
  // Other members' links carry nothing that the ring needs.
  const needed = isEntry ? [next, exit] : [previous, next ?? entry]
  if (!needed.includes(peer)) return
  for (const requestId of [...draft.requests.keys()]) {
    if (!isEntry && (peer === entry || peer === previous)) endRequest(draft, requestId)
    else failRequest(draft, requestId, error)
  }
}

/** Without a first token: each request may have a chunk ahead at each seat, twice over. Times are the seats' own words, and count only so far. */
function firstDeadlineMs(draft: Draft): number {
  const { deadlines, seats, maxChunk } = draft.config
  const turnMs = draft.requests.size * seats.length * (slowestChunkMs(draft, maxChunk) ?? 0)
  return Math.max(deadlines.firstMs, Math.min(2 * turnMs, mostFirst * deadlines.firstMs))
}

/** How long a request may be silent. */
function tokenDeadlineMs(draft: Draft, entry: EntryRequest): number {
  const { minimumMs, lapFactor } = draft.config.deadlines
  const firstMs = firstDeadlineMs(draft)
  if (entry.drawn === 0 || draft.lapMs === null) return firstMs
  const seats = draft.config.seats.length
  // A lap as it is under today's load, or, where the load has just come, as it would be if all took turns: no longer than a first token.
  const turnsMs = Math.min(firstMs, (plainLapMs(draft.lapCosts) ?? draft.lapMs) * lapFactor * draft.requests.size)
  const isOtherPrefilling = [...draft.requests.values()].some(other => other.entry !== null && !isDecoding(other.entry))
  const chunksMs = isOtherPrefilling ? chunksWaitedFor * seats * (slowestChunkMs(draft, draft.config.maxChunk) ?? 0) : 0
  return Math.max(minimumMs, draft.lapMs * lapFactor, turnsMs, chunksMs)
}

function checkDeadlines(draft: Draft, nowMs: number): void {
  const { deadlines } = draft.config
  for (const request of [...draft.requests.values()]) {
    const silentMs = nowMs - request.lastProgressMs
    if (request.entry === null) {
      if (silentMs > deadlines.stageIdleMs) endRequest(draft, request.requestId)
      continue
    }
    const limitMs = tokenDeadlineMs(draft, request.entry)
    if (silentMs <= limitMs) continue
    const error = new ComputePoolError(
      'peer_timed_out',
      `No token for ${Math.round(silentMs)} ms; ${Math.round(limitMs)} ms are allowed.`,
      { remedy: 'Route the request over other peers.', context: { requestId: request.requestId, limitMs } },
    )
    failRequest(draft, request.requestId, error.toJSON())
  }
}
