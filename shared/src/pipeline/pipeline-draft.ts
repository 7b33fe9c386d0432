/**
 * A state under change within one `step`: what changes in place is copied on entry, so that the caller's state stays as it was, and acts
 * are collected in order. Frames are made here; nothing is decided here.
 */
import { encodeControl, type FrameControl, type FrameHeader, type HopTrace } from '../wire/index.ts'
import type { PipelineAct, PipelineState, RequestState, RowTask } from './pipeline-state.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export interface Draft extends Mutable<Omit<PipelineState, 'requests' | 'turns'>> {
  readonly requests: Map<string, RequestState>
  turns: string[]
  readonly acts: PipelineAct[]
  /** Done last: signing takes a moment, and nothing waits for it. */
  readonly receipts: PipelineAct[]
}

/** Field by field, as in `closeDraft`: a spread of so many takes several times as long. Four of these are a lap. */
export function openDraft(state: PipelineState): Draft {
  return {
    config: state.config,
    place: state.place,
    requests: new Map(state.requests),
    turns: [...state.turns],
    running: state.running,
    ended: state.ended,
    endedUnheld: state.endedUnheld,
    kept: state.kept,
    lostPeers: state.lostPeers,
    lapMs: state.lapMs,
    stepMs: state.stepMs,
    hopMs: state.hopMs,
    tokensServed: state.tokensServed,
    chunkCosts: state.chunkCosts,
    sharingCosts: state.sharingCosts,
    owedMs: state.owedMs,
    seatCosts: state.seatCosts,
    quietLapMs: state.quietLapMs,
    patience: state.patience,
    lapCosts: state.lapCosts,
    draftLimit: state.draftLimit,
    acts: [],
    receipts: [],
  }
}

export function closeDraft(draft: Draft): [PipelineState, PipelineAct[]] {
  const state: PipelineState = {
    config: draft.config,
    place: draft.place,
    requests: draft.requests,
    turns: draft.turns,
    running: draft.running,
    ended: draft.ended,
    endedUnheld: draft.endedUnheld,
    kept: draft.kept,
    lostPeers: draft.lostPeers,
    lapMs: draft.lapMs,
    stepMs: draft.stepMs,
    hopMs: draft.hopMs,
    tokensServed: draft.tokensServed,
    chunkCosts: draft.chunkCosts,
    sharingCosts: draft.sharingCosts,
    owedMs: draft.owedMs,
    seatCosts: draft.seatCosts,
    quietLapMs: draft.quietLapMs,
    patience: draft.patience,
    lapCosts: draft.lapCosts,
    draftLimit: draft.draftLimit,
  }
  return [state, draft.receipts.length === 0 ? draft.acts : [...draft.acts, ...draft.receipts]]
}

/** Replaces fields of a live request and returns it. */
export function change(draft: Draft, request: RequestState, fields: Partial<RequestState>): RequestState {
  const changed = { ...request, ...fields }
  draft.requests.set(request.requestId, changed)
  return changed
}

/** Puts rows in line, at least one; requests take turns, so one long prompt does not hold up the others. */
export function enqueue(draft: Draft, request: RequestState, ...tasks: readonly RowTask[]): RequestState {
  if (!draft.turns.includes(request.requestId)) draft.turns.push(request.requestId)
  const last = tasks.at(-1)!
  return change(draft, request, { pending: [...request.pending, ...tasks], length: last.position + last.tokens })
}

export function sendFrame(
  draft: Draft,
  to: string,
  header: Omit<FrameHeader, 'epoch'>,
  payload: Uint8Array<ArrayBufferLike>,
): void {
  draft.acts.push({ type: 'send', to, header: { ...header, epoch: draft.config.epoch }, payload })
}

export interface ControlFrame {
  readonly requestId: string
  readonly seq: number
  readonly control: FrameControl
  readonly trace?: HopTrace[]
}

export function sendControl(draft: Draft, to: string, { requestId, seq, control, trace }: ControlFrame): void {
  const { payload, ...described } = encodeControl(control)
  const traced = trace === undefined ? {} : { trace }
  sendFrame(draft, to, { ...described, request_id: requestId, seq, position: 0, ...traced }, payload)
}
