/**
 * What a seat remembers of its requests, what may happen to it, and what it may want done. Types and small constructors only;
 * `step` is the one that thinks.
 */
import type { ErrorData } from '../errors/index.ts'
import type { EngineOutput, EngineRow } from '../ports/index.ts'
import { type LapCosts, noLapCosts } from '../speculation/index.ts'
import { type DeskRequest, type Frame, type FrameHeader, type HopTrace, maxDraftTokens } from '../wire/index.ts'
import { type FrameOrder, openFrameOrder } from './frame-order.ts'
import { noPatience, type Patience } from './patience.ts'
import { emptyReorderBuffer, type ReorderBuffer } from './reorder-frames.ts'
import { openChains, type RequestChains } from './request-chains.ts'
import type { CacheReuse, RequestJob, SamplingParams } from './sampling-params.ts'
import { type RingPlace, ringPlace, type SeatConfig } from './seat-config.ts'
import type { Speculation } from './speculate.ts'
import { noStepCosts, type StepCosts } from './step-costs.ts'

/** One row that waits for the engine. */
export interface RowTask {
  readonly requestId: string
  readonly position: number
  readonly tokens: number
  readonly input: EngineRow['input']
  readonly isSampled: boolean
  /** On a request's first row: the kept cache that it begins with. */
  readonly reuse: CacheReuse | null
  /** Guesses whose rows are the last of these. */
  readonly guesses: readonly number[]
  /** Of the seats before this one. */
  readonly trace: readonly HopTrace[]
  readonly arrivedMs: number
  /** Set when the engine began. */
  readonly startedMs: number
  /** Runs without company: it was in a step that failed. */
  readonly isSolo: boolean
}

/** What only the entry knows. */
export interface EntryRequest {
  readonly job: RequestJob
  /** What the engine is fed before it draws: the prompt, and the tokens of the answer that were drawn before. */
  readonly text: readonly number[]
  /** Positions of the text that were given to the engine. */
  readonly prefilled: number
  /** Where each chunk ends that the exit has not taken yet. */
  readonly inFlight: readonly number[]
  /** The desk heard that work is under way. */
  readonly isFlowing: boolean
  /** When the step began whose token is awaited. */
  readonly lapStartedMs: number
  readonly drawn: number
  readonly directHops: number
  /** Answers of the exit. */
  readonly laps: number
  /** What is awaited was asked for with these guesses. */
  readonly guesses: readonly number[]
  readonly speculation: Speculation | null
}

export interface RequestState {
  readonly requestId: string
  readonly inbox: ReorderBuffer<Frame>
  /** Next number toward the next seat; at the exit toward the entry. */
  readonly outSeq: number
  /** Positions that were given to this seat: the next row starts here or before. */
  readonly length: number
  readonly pending: readonly RowTask[]
  /** Behind the entry: where the next frame may begin. */
  readonly order: FrameOrder
  readonly sampling: SamplingParams | null
  readonly prompt: readonly number[]
  /** What its cache begins with. */
  readonly reuse: CacheReuse | null
  /** Tokens drawn, the first of them at position `firstDrawn`: at the exit, and before it those that an earlier attempt drew. */
  readonly generated: readonly number[]
  /** Null until the exit knows where the text ends. */
  readonly firstDrawn: number | null
  /** Position of the token that was fed last to be drawn from; null before the first. */
  readonly fedAt: number | null
  readonly lastProgressMs: number
  /** The job's, for receipts; empty where none came. */
  readonly nonce: string
  /** Null in a ring that keeps no receipts. */
  readonly chains: RequestChains | null
  readonly entry: EntryRequest | null
}

export interface PipelineState {
  readonly config: SeatConfig
  /** The config's. */
  readonly place: RingPlace
  readonly requests: ReadonlyMap<string, RequestState>
  /** Requests with pending rows, next first. */
  readonly turns: readonly string[]
  readonly running: readonly RowTask[] | null
  /** Requests that ended here, so that their late frames revive nothing; true once their end was passed on. */
  readonly ended: ReadonlyMap<string, boolean>
  /** The same of requests that ended before they came, apart: whoever ends made-up ones does not have those of `ended` forgotten. */
  readonly endedUnheld: ReadonlyMap<string, boolean>
  /** Requests whose caches were kept when they ended, the eldest first; the engine may have given some of them up. */
  readonly kept: readonly string[]
  readonly lostPeers: ReadonlyMap<string, ErrorData>
  /** Smoothed; null before the first. */
  readonly lapMs: number | null
  readonly stepMs: number | null
  readonly hopMs: number | null
  readonly tokensServed: number
  /** Of this seat's steps of one row, by its positions. */
  readonly chunkCosts: StepCosts
  /** Of this seat's steps of rows of one position, by their number. */
  readonly sharingCosts: StepCosts
  /** What steps of decode rows have taken while a chunk of a prompt waited. */
  readonly owedMs: number
  /** Entry: of each seat's rows, by their positions. */
  readonly seatCosts: readonly StepCosts[]
  /** Entry: smoothed time between two tokens of a request while none prefills; null before the first. */
  readonly quietLapMs: number | null
  /** Entry: how much more of others' patience chunks may take than the worst case allows. */
  readonly patience: Patience
  /** Entry: what laps take, with and without drafts. */
  readonly lapCosts: LapCosts
  /** Entry: longest draft that no seat has cut. */
  readonly draftLimit: number
}

export type PipelineEvent =
  | { readonly type: 'request-submitted'; readonly job: RequestJob; readonly nowMs: number }
  | { readonly type: 'request-cancelled'; readonly requestId: string; readonly nowMs: number }
  | { readonly type: 'frame-received'; readonly peer: string; readonly frame: Frame; readonly nowMs: number }
  /** Bytes came that are no frame. */
  | { readonly type: 'frame-rejected'; readonly peer: string; readonly error: ErrorData; readonly nowMs: number }
  | {
      readonly type: 'step-finished'
      readonly outputs: readonly EngineOutput[]
      readonly computeMs: number
      readonly nowMs: number
    }
  | { readonly type: 'step-failed'; readonly error: ErrorData; readonly nowMs: number }
  | { readonly type: 'send-failed'; readonly requestId: string; readonly error: ErrorData; readonly nowMs: number }
  /** The link closed, or the peer was shut out. */
  | { readonly type: 'peer-closed'; readonly peer: string; readonly error: ErrorData; readonly nowMs: number }
  | { readonly type: 'peer-opened'; readonly peer: string }
  /** The seat is given up, or its engine is gone: every request fails with `error`. */
  | { readonly type: 'seat-closed'; readonly error: ErrorData; readonly nowMs: number }
  | { readonly type: 'ticked'; readonly nowMs: number }

export type PipelineAct =
  | { readonly type: 'send'; readonly to: string; readonly header: FrameHeader; readonly payload: Uint8Array }
  /** At most one at a time: the answer is `step-finished` or `step-failed`. */
  | { readonly type: 'run'; readonly rows: readonly EngineRow[] }
  | { readonly type: 'forget'; readonly requestId: string }
  /** The request is over, its cache may serve another. */
  | { readonly type: 'keep'; readonly requestId: string }
  | { readonly type: 'report'; readonly message: DeskRequest }
  /** A request is over here: what this seat says of it is to be signed and told (`receiptOf`). */
  | { readonly type: 'receipt'; readonly request: RequestState }
  /** What its receipt will say that it received: whoever checks this seat, or the one before, may ask for it. */
  | {
      readonly type: 'received'
      readonly requestId: string
      readonly header: FrameHeader
      readonly payload: Uint8Array
    }
  /** Exit: what its receipt will say that its head took. */
  | {
      readonly type: 'computed'
      readonly requestId: string
      readonly header: Omit<FrameHeader, 'epoch'>
      readonly payload: Uint8Array
    }
  /** Exit: what it drew, the first token at `position`. */
  | { readonly type: 'drew'; readonly requestId: string; readonly position: number; readonly tokens: readonly number[] }
  /** The peer broke the protocol: take nothing more from it. */
  | { readonly type: 'drop-peer'; readonly peer: string; readonly error: ErrorData }

export function openPipelineState(config: SeatConfig): PipelineState {
  return {
    config,
    place: ringPlace(config),
    requests: new Map(),
    turns: [],
    running: null,
    ended: new Map(),
    endedUnheld: new Map(),
    kept: [],
    lostPeers: new Map(),
    lapMs: null,
    stepMs: null,
    hopMs: null,
    tokensServed: 0,
    chunkCosts: noStepCosts,
    sharingCosts: noStepCosts,
    owedMs: 0,
    quietLapMs: null,
    patience: noPatience,
    seatCosts: config.seats.map(() => noStepCosts),
    lapCosts: noLapCosts,
    draftLimit: maxDraftTokens,
  }
}

export interface OpenedRequest {
  readonly config: SeatConfig
  readonly requestId: string
  readonly nowMs: number
  readonly entry: EntryRequest | null
}

export function openRequestState({ config, requestId, nowMs, entry }: OpenedRequest): RequestState {
  const { promptTokens = [], generatedTokens = [], sampling = null, reuse = null, nonce = '' } = entry?.job ?? {}
  return {
    requestId,
    inbox: emptyReorderBuffer(),
    outSeq: 0,
    length: reuse?.positions ?? 0,
    pending: [],
    order: openFrameOrder(reuse?.positions ?? 0),
    sampling,
    prompt: sampling !== null && sampling.repetitionPenalty !== 1 ? promptTokens : [],
    reuse,
    generated: sampling !== null && isPenalised(sampling) ? generatedTokens : [],
    firstDrawn: null,
    fedAt: null,
    lastProgressMs: nowMs,
    nonce,
    chains: openChains(config, requestId, entry?.job ?? null),
    entry,
  }
}

/** Whether the draw depends on the tokens that were drawn before. */
function isPenalised({ presencePenalty, frequencyPenalty, repetitionPenalty }: SamplingParams): boolean {
  return presencePenalty !== 0 || frequencyPenalty !== 0 || repetitionPenalty !== 1
}
