/** The entry's side of a request: feeds the prompt in chunks, takes each token from the exit, decides when the answer ends. */
import { ComputePoolError, isErrorCode } from '../errors/index.ts'
import type { FrameControl, HopTrace } from '../wire/index.ts'
import { failRequest, finishRequest } from './end-request.ts'
import { change, type Draft, enqueue } from './pipeline-draft.ts'
import { type EntryRequest, openRequestState, type RequestState, type RowTask } from './pipeline-state.ts'
import type { RequestJob, SampledToken } from './sampling-params.ts'

export function submitRequest(draft: Draft, job: RequestJob, nowMs: number): void {
  const { requestId } = job
  if (draft.requests.has(requestId) || draft.ended.has(requestId)) return
  const refusal = refusalOf(draft, job)
  if (refusal !== null) {
    draft.acts.push({ type: 'report', message: { type: 'request-failed', requestId, error: refusal.toJSON() } })
    return
  }
  const entry = { job, prefilled: 0, acknowledged: 0, isFlowing: false, lapStartedMs: nowMs, drawn: 0, directHops: 0 }
  const request = openRequestState(requestId, nowMs, entry)
  draft.requests.set(requestId, request)
  feedPrompt(draft, request, nowMs)
}

function refusalOf(draft: Draft, job: RequestJob): ComputePoolError | null {
  const { config, place } = draft
  const { requestId } = job
  if (!place.isEntry)
    return new ComputePoolError('bug_unreachable_state', `Seat ${config.seat} was asked to start a request.`, {
      remedy: 'Send the job to seat 0.',
      context: { requestId },
    })
  if (job.promptTokens.length > config.maxContext)
    return new ComputePoolError(
      'input_context_too_long',
      `The prompt has ${job.promptTokens.length} tokens; this coalition holds ${config.maxContext}.`,
      { remedy: 'Send a shorter prompt.', context: { requestId, maxContext: config.maxContext } },
    )
  if (draft.requests.size >= config.maxRequests)
    return new ComputePoolError('swarm_busy', `The entry runs ${draft.requests.size} requests, which is its limit.`, {
      remedy: 'Try again when one of them is over.',
      context: { requestId, retryAfterSeconds: 5 },
    })
  const lost = draft.lostPeers.get(place.next ?? place.exit) ?? draft.lostPeers.get(place.exit)
  if (lost === undefined) return null
  return new ComputePoolError('peer_disconnected', `A seat of this coalition is gone: ${lost.message}`, {
    remedy: 'Route the request over another coalition.',
    context: { requestId },
  })
}

/** Tells the desk, once, that the request's first activation has left; alone in a ring, that its first step has run. */
export function reportFlowing(draft: Draft, request: RequestState): RequestState {
  const { entry, requestId } = request
  if (entry === null || entry.isFlowing) return request
  draft.acts.push({ type: 'report', message: { type: 'request-flowing', requestId } })
  return change(draft, request, { entry: { ...entry, isFlowing: true } })
}

/** Gives the engine the next chunk of the prompt, one at a time so that others get their turn, within the bound in flight. */
export function feedPrompt(draft: Draft, request: RequestState, nowMs: number): void {
  const { entry } = request
  if (entry === null || request.pending.length > 0) return
  const { maxChunk, chunksInFlight } = draft.config
  const { promptTokens } = entry.job
  const { prefilled } = entry
  if (prefilled >= promptTokens.length || prefilled - entry.acknowledged >= chunksInFlight * maxChunk) return
  if (isRunning(draft, request)) return
  const tokens = promptTokens.slice(prefilled, prefilled + maxChunk)
  const end = prefilled + tokens.length
  const fed = change(draft, request, { entry: { ...entry, prefilled: end } })
  enqueue(draft, fed, tokenTask(fed, { position: prefilled, tokens, isSampled: end === promptTokens.length, nowMs }))
}

function isRunning(draft: Draft, request: RequestState): boolean {
  return draft.running?.some(task => task.requestId === request.requestId) ?? false
}

function tokenTask(
  request: RequestState,
  row: { position: number; tokens: readonly number[]; isSampled: boolean; nowMs: number },
): RowTask {
  return {
    requestId: request.requestId,
    position: row.position,
    tokens: row.tokens.length,
    input: { tokens: row.tokens },
    isSampled: row.isSampled,
    trace: [],
    arrivedMs: row.nowMs,
    startedMs: row.nowMs,
    isSolo: false,
  }
}

export interface Drawn {
  readonly sampled: SampledToken
  /** Of the drawn token. */
  readonly position: number
  readonly trace: readonly HopTrace[]
  /** Frames of this lap that came straight from a peer. */
  readonly directHops: number
  readonly nowMs: number
}

/** A token came back: report it, and feed it or end. */
export function takeToken(draft: Draft, request: RequestState, drawn: Drawn) {
  const { entry } = request
  // The exit may only answer the row that was asked: anything else is late, or made up.
  if (entry === null || drawn.position !== request.length || entry.prefilled < entry.job.promptTokens.length) return
  if (request.pending.length > 0 || isRunning(draft, request)) return
  const { job } = entry
  const lapMs = Math.max(0, drawn.nowMs - entry.lapStartedMs)
  if (entry.drawn > 0) measureLap(draft, lapMs, drawn.trace)
  const { requestId } = request
  draft.acts.push({
    type: 'report',
    message: {
      type: 'token-generated',
      requestId,
      index: entry.drawn,
      sampled: drawn.sampled,
      lapMs,
      trace: [...drawn.trace],
    },
  })
  const next: EntryRequest = {
    ...entry,
    acknowledged: drawn.position,
    drawn: entry.drawn + 1,
    directHops: entry.directHops + drawn.directHops,
  }
  const taken = change(draft, request, { entry: next, lastProgressMs: drawn.nowMs })
  const { token } = drawn.sampled
  if (job.stopTokens.includes(token)) return finishRequest(draft, taken, 'stop')
  if (next.drawn >= job.maxTokens || drawn.position >= draft.config.maxContext)
    return finishRequest(draft, taken, 'length')
  const { position, nowMs } = drawn
  enqueue(draft, taken, tokenTask(taken, { position, tokens: [token], isSampled: true, nowMs }))
}

function measureLap(draft: Draft, lapMs: number, trace: readonly HopTrace[]): void {
  draft.lapMs = smooth(draft.lapMs, lapMs)
  if (draft.config.seats.length < 2) return
  const atSeats = trace.reduce((sum, hop) => sum + hop.computeMs + hop.queueMs, 0)
  draft.hopMs = smooth(draft.hopMs, Math.max(0, lapMs - atSeats) / draft.config.seats.length)
}

/** An exponential mean over about the last eight values. */
export function smooth(before: number | null, value: number): number {
  return before === null ? value : before + (value - before) / 8
}

/** The exit has taken prompt rows: the bound in flight moves on. */
export function takeProgress(draft: Draft, request: RequestState, position: number, nowMs: number): void {
  const { entry } = request
  if (entry === null || position > entry.prefilled) return
  const acknowledged = Math.max(entry.acknowledged, position)
  feedPrompt(draft, change(draft, request, { entry: { ...entry, acknowledged }, lastProgressMs: nowMs }), nowMs)
}

/** A seat could not do its part. Its words are a stranger's: only a code of the table passes. */
export function takeFailure(draft: Draft, requestId: string, failed: Extract<FrameControl, { type: 'failed' }>): void {
  const code = isErrorCode(failed.code) ? failed.code : 'peer_frame_invalid'
  const error = new ComputePoolError(code, failed.message, {
    remedy: failed.remedy,
    context: { requestId, seat: failed.seat },
  })
  failRequest(draft, requestId, error.toJSON())
}
