/** The entry's side of a request: feeds the prompt in chunks, takes each token from the exit, decides when the answer ends. */
import type { FrameControl, HopTrace } from '../wire/index.ts'
import { failRequest, finishRequest, frameError } from './end-request.ts'
import { errorOfSeat } from './error-of-seat.ts'
import { betweenTokensMs, lapParts } from './lap-parts.ts'
import { chunksInFlight, isDecoding, learnPace, learnSeats, nextChunk } from './pace-prompt.ts'
import { change, type Draft, enqueue } from './pipeline-draft.ts'
import type { EntryRequest, RequestState, RowTask } from './pipeline-state.ts'
import { noteTold } from './request-chains.ts'
import type { CacheReuse, SampledToken } from './sampling-params.ts'
import { smooth } from './smooth.ts'
import { draftOf, guessNext, learnFrom, learnLap } from './speculate.ts'

/** Tells the desk, once, that the request's first activation has left; alone in a ring, that its first step has run. */
export function reportFlowing(draft: Draft, request: RequestState): RequestState {
  const { entry, requestId } = request
  if (entry === null || entry.isFlowing) return request
  const { reuse } = entry.job
  const cached = reuse === undefined ? {} : { cachedTokens: reuse.positions }
  draft.acts.push({ type: 'report', message: { type: 'request-flowing', requestId, ...cached } })
  return change(draft, request, { entry: { ...entry, isFlowing: true } })
}

/** Gives the engine the next chunk of the prompt, one at a time so that others get their turn, within the bound in flight. */
export function feedPrompt(draft: Draft, request: RequestState, nowMs: number): void {
  const { entry } = request
  if (entry === null || request.pending.length > 0) return
  const { prefilled, text, inFlight } = entry
  if (isDecoding(entry) || isRunning(draft, request)) return
  const toCompute = text.length - (entry.job.reuse?.positions ?? 0)
  const chunk = nextChunk(draft, request.requestId, toCompute)
  if (inFlight.length >= chunksInFlight(draft, chunk)) return
  const tokens = text.slice(prefilled, prefilled + chunk)
  const end = prefilled + tokens.length
  const fed = change(draft, request, { entry: { ...entry, prefilled: end, inFlight: [...inFlight, end] } })
  const isSampled = end === text.length
  const reuse = entry.job.reuse?.positions === prefilled ? entry.job.reuse : null
  enqueue(draft, fed, tokenTask(fed, { position: prefilled, tokens, reuse, guesses: [], isSampled, nowMs }))
}

function isRunning(draft: Draft, request: RequestState): boolean {
  return draft.running?.some(task => task.requestId === request.requestId) ?? false
}

interface TokenRow {
  readonly position: number
  readonly tokens: readonly number[]
  readonly reuse: CacheReuse | null
  /** Guesses behind the tokens. */
  readonly guesses: readonly number[]
  readonly isSampled: boolean
  readonly nowMs: number
}

function tokenTask(request: RequestState, { position, tokens, reuse, guesses, isSampled, nowMs }: TokenRow): RowTask {
  return {
    requestId: request.requestId,
    position,
    tokens: tokens.length + guesses.length,
    input: { tokens: [...tokens, ...guesses] },
    reuse,
    isSampled,
    guesses,
    trace: [],
    arrivedMs: nowMs,
    startedMs: nowMs,
    isSolo: false,
  }
}

export interface Drawn {
  /** At least one: the guesses that came true, and one more. */
  readonly sampled: readonly SampledToken[]
  /** Of the first. */
  readonly position: number
  readonly trace: readonly HopTrace[]
  /** Frames of this lap that came straight from a peer. */
  readonly directHops: number
  readonly nowMs: number
}

/** Tokens came back: report them up to where the answer ends, and feed the last or end. */
export function takeTokens(draft: Draft, request: RequestState, drawn: Drawn) {
  const { entry, requestId } = request
  // The exit may only answer the row that was asked: anything else is late, or made up.
  if (entry === null || !isDecoding(entry)) return
  if (drawn.position !== request.length - entry.guesses.length) return
  if (request.pending.length > 0 || isRunning(draft, request)) return
  const fault = faultOfAnswer(drawn.sampled, entry.guesses)
  if (fault !== null) return failRequest(draft, requestId, frameError(requestId, fault))
  const lapMs = Math.max(0, drawn.nowMs - entry.lapStartedMs)
  if (entry.guesses.length === 0) learnSeats(draft, drawn.trace)
  if (entry.drawn > 0) {
    measureLap(draft, lapMs, drawn.trace)
    learnPace(draft, betweenTokensMs(lapMs, drawn.trace))
    learnLap(draft, { guesses: entry.guesses, sampled: drawn.sampled, lapMs, trace: drawn.trace })
  }
  const { taken: count, end } = partOfAnswer(draft, entry, drawn)
  const told = drawn.sampled.slice(0, count)
  told.forEach((sampled, i) => {
    const message = { requestId, index: entry.drawn + i, sampled, lapMs, trace: drawn.trace.map(withoutSize) }
    draft.acts.push({ type: 'report', message: { type: 'token-generated', ...message } })
  })
  const position = drawn.position + count - 1
  // Guesses keep to the positions that the answer may reach anyway: they need no memory that was not planned for.
  const room = Math.min(draft.config.maxContext - 1 - position, entry.job.maxTokens - entry.drawn - count - 1)
  const learnt = learnFrom(entry.speculation, drawn.sampled)
  const speculation = end === null ? guessNext(draft, learnt, room) : learnt
  const next: EntryRequest = {
    ...entry,
    inFlight: [],
    drawn: entry.drawn + count,
    directHops: entry.directHops + drawn.directHops,
    laps: entry.laps + 1,
    guesses: draftOf(speculation),
    speculation,
  }
  const tokensTold = told.map(({ token }) => token)
  const chains = noteTold(request.chains, tokensTold)
  const taken = change(draft, request, { entry: next, chains, lastProgressMs: drawn.nowMs })
  if (end !== null) return finishRequest(draft, taken, end)
  const tokens = [drawn.sampled.at(-1)!.token]
  const row = { position, tokens, reuse: null, guesses: next.guesses, isSampled: true, nowMs: drawn.nowMs }
  enqueue(draft, taken, tokenTask(taken, row))
}

function withoutSize({ seat, computeMs, queueMs }: HopTrace): HopTrace {
  return { seat, computeMs, queueMs }
}

/** How many of the drawn tokens belong to the answer, and whether it ends with them. */
function partOfAnswer(draft: Draft, entry: EntryRequest, { sampled, position }: Drawn) {
  const { job } = entry
  // Fed is what lies below the context's end; the token drawn from its last position is the last.
  const room = Math.min(job.maxTokens - entry.drawn, draft.config.maxContext - position + 1)
  const stop = sampled.findIndex(({ token }) => job.stopTokens.includes(token))
  if (stop >= 0 && stop < room) return { taken: stop + 1, end: 'stop' as const }
  return sampled.length < room ? { taken: sampled.length, end: null } : { taken: room, end: 'length' as const }
}

/** What makes the answer impossible, in words; null where it is sound. */
function faultOfAnswer(sampled: readonly SampledToken[], guesses: readonly number[]): string | null {
  if (sampled.length < 1 || sampled.length > guesses.length + 1)
    return `${sampled.length} tokens answered a draft of ${guesses.length}.`
  const wrong = sampled.slice(0, -1).findIndex(({ token }, i) => token !== guesses[i])
  if (wrong < 0) return null
  return `Token ${sampled[wrong]!.token} was drawn where ${guesses[wrong]} was guessed, and yet the answer goes on.`
}

function measureLap(draft: Draft, lapMs: number, trace: readonly HopTrace[]): void {
  draft.lapMs = smooth(draft.lapMs, lapMs)
  if (draft.config.seats.length < 2) return
  draft.hopMs = smooth(draft.hopMs, lapParts(lapMs, trace).wireMs / draft.config.seats.length)
}

/** The exit has taken prompt rows: the bound in flight moves on. */
export function takeProgress(draft: Draft, request: RequestState, taken: Taken): void {
  const { entry } = request
  const { position, trace, nowMs } = taken
  if (entry === null || position > entry.prefilled) return
  learnSeats(draft, trace)
  const inFlight = entry.inFlight.filter(end => end > position)
  feedPrompt(draft, change(draft, request, { entry: { ...entry, inFlight }, lastProgressMs: nowMs }), nowMs)
}

export interface Taken {
  /** Every row before it is computed. */
  readonly position: number
  readonly trace: readonly HopTrace[]
  readonly nowMs: number
}

/** A seat could not do its part. */
export function takeFailure(draft: Draft, requestId: string, failed: Extract<FrameControl, { type: 'failed' }>): void {
  failRequest(draft, requestId, errorOfSeat(failed, requestId).toJSON())
}
