/** What becomes of a finished engine step: an activation goes to the next seat, a token straight to the entry. */
import { ComputePoolError, type ErrorData } from '../errors/index.ts'
import type { Activation, EngineOutput } from '../ports/index.ts'
import { encodeTokens, type FrameHeader, type HopTrace } from '../wire/index.ts'
import { failRequest } from './end-request.ts'
import { change, type Draft, sendControl, sendFrame } from './pipeline-draft.ts'
import type { RequestState, RowTask } from './pipeline-state.ts'
import { noteDrawn, noteRows, noteSent } from './request-chains.ts'
import type { SampledToken } from './sampling-params.ts'
import { firstDrawnAt, generatedBefore, isDecodeRow } from './schedule-rows.ts'
import { smooth } from './smooth.ts'
import { observeStep } from './step-costs.ts'
import { feedPrompt, reportFlowing, takeProgress, takeTokens } from './step-entry.ts'

export interface FinishedStep {
  readonly outputs: readonly EngineOutput[]
  readonly computeMs: number
  readonly nowMs: number
}

export function finishStep(draft: Draft, step: FinishedStep): void {
  const tasks = draft.running ?? []
  draft.running = null
  draft.stepMs = smooth(draft.stepMs, step.computeMs)
  learnStep(draft, tasks, step.computeMs)
  tasks.forEach((task, index) => {
    const request = draft.requests.get(task.requestId)
    if (request === undefined) {
      draft.acts.push({ type: 'forget', requestId: task.requestId })
      return
    }
    const fedAt = task.isSampled ? firstDrawnAt(task) - 1 : request.fedAt
    if (task.isSampled) draft.tokensServed += Math.max(0, fedAt! - (request.fedAt ?? fedAt! - 1))
    finishRow(draft, change(draft, request, { fedAt, lastProgressMs: step.nowMs }), task, {
      output: step.outputs[index],
      computeMs: step.computeMs,
      nowMs: step.nowMs,
    })
  })
}

/** Takes in what the step cost, and what it kept prompts waiting. */
function learnStep(draft: Draft, tasks: readonly RowTask[], computeMs: number): void {
  const [first] = tasks
  if (first === undefined) return
  draft.owedMs = isDecodeRow(first) && isChunkWaiting(draft) ? draft.owedMs + computeMs : 0
  if (first.guesses.length > 0) return
  if (tasks.length === 1) draft.chunkCosts = observeStep(draft.chunkCosts, first.tokens, computeMs)
  if (first.tokens === 1) draft.sharingCosts = observeStep(draft.sharingCosts, tasks.length, computeMs)
}

function isChunkWaiting(draft: Draft): boolean {
  for (const { pending } of draft.requests.values()) {
    const task = pending[0]
    if (task !== undefined && !isDecodeRow(task)) return true
  }
  return false
}

interface FinishedRow {
  readonly output: EngineOutput | undefined
  readonly computeMs: number
  readonly nowMs: number
}

function finishRow(draft: Draft, before: RequestState, task: RowTask, row: FinishedRow) {
  const { output, computeMs, nowMs } = row
  const queueMs = Math.max(0, task.startedMs - task.arrivedMs)
  const hop = { seat: draft.config.seat, computeMs: Math.max(0, computeMs), queueMs }
  const trace = [...task.trace, isDecodeRow(task) ? hop : { ...hop, tokens: task.tokens }]
  const end = task.position + task.tokens
  const { isExit, isEntry, entry } = draft.place
  const request = isExit ? noteExitRows(draft, reportFlowing(draft, before), task, output) : before
  if (!isExit && output?.kind === 'activation') return passHidden(draft, request, task, output.activation, trace, nowMs)
  if (isExit && task.isSampled && (output?.kind === 'token' || output?.kind === 'tokens')) {
    const sampled = output.kind === 'token' ? [output.sampled] : output.sampled
    const position = firstDrawnAt(task)
    const earlier = generatedBefore(request, position)
    const tokens = sampled.map(({ token }) => token)
    const generated = earlier.concat(tokens)
    const chains = noteDrawn(request.chains, tokens)
    if (chains !== null) draft.acts.push({ type: 'drew', requestId: request.requestId, position, tokens })
    const drawn = change(draft, request, { generated, firstDrawn: position - earlier.length, chains })
    if (isEntry) return takeTokens(draft, drawn, { sampled, position, trace, directHops: 0, nowMs })
    return sendTokens(draft, drawn, sampled, position, trace)
  }
  if (isExit && !task.isSampled && output?.kind === 'none') {
    if (isEntry) return takeProgress(draft, request, { position: end, trace, nowMs })
    const control = { type: 'progress', position: end } as const
    sendControl(draft, entry, { requestId: request.requestId, seq: request.outSeq, control, trace })
    change(draft, request, { outSeq: request.outSeq + 1 })
    return
  }
  const error = new ComputePoolError(
    'bug_unreachable_state',
    `The engine of seat ${draft.config.seat} answered ${output?.kind ?? 'nothing'} where that cannot be.`,
  )
  failRequest(draft, request.requestId, error.toJSON())
}

function passHidden(
  draft: Draft,
  request: RequestState,
  task: RowTask,
  activation: Activation,
  trace: HopTrace[],
  nowMs: number,
): void {
  const header = hiddenHeader(request, task, activation, request.outSeq)
  header.trace = trace
  sendFrame(draft, draft.place.next!, header, activation.data)
  const { entry } = reportFlowing(draft, request)
  const counted = entry === null ? null : { ...entry, directHops: entry.directHops + 1 }
  const chains = noteSent(request.chains, header, activation)
  feedPrompt(draft, change(draft, request, { outSeq: request.outSeq + 1, entry: counted, chains }), nowMs)
}

/** Of a frame of activations, the first of a request where `seq` is 0; fields go on the wire in the order in which they are set. */
function hiddenHeader(
  request: RequestState,
  task: RowTask,
  activation: Activation,
  seq: number,
): Omit<FrameHeader, 'epoch'> {
  const header: Omit<FrameHeader, 'epoch'> = {
    request_id: request.requestId,
    kind: 'hidden',
    dtype: activation.dtype,
    shape: [activation.tokens, activation.hidden],
    seq,
    position: task.position,
  }
  if (seq === 0) {
    if (request.sampling !== null) header.sampling = request.sampling
    if (request.prompt.length > 0) header.prompt_tokens = [...request.prompt]
    if (request.generated.length > 0) header.generated_tokens = [...request.generated]
    if (request.reuse !== null) header.reuse = request.reuse
    if (request.nonce !== '') header.nonce = request.nonce
  }
  if (task.isSampled) header.sample = true
  if (task.guesses.length > 0) header.draft = [...task.guesses]
  return header
}

/** Signed and kept as if a seat behind had been sent them: so an exit is checked by its rows, as all are, and its draws by these. */
function noteExitRows(
  draft: Draft,
  request: RequestState,
  task: RowTask,
  output: EngineOutput | undefined,
): RequestState {
  const rows = output === undefined || output.kind === 'activation' ? undefined : output.rows
  if (request.chains === null || rows === undefined) return request
  const header = hiddenHeader(request, task, rows, request.chains.rowSteps)
  draft.acts.push({ type: 'computed', requestId: request.requestId, header, payload: rows.data })
  return change(draft, request, { chains: noteRows(request.chains, header, rows) })
}

function sendTokens(
  draft: Draft,
  request: RequestState,
  sampled: readonly SampledToken[],
  position: number,
  trace: HopTrace[],
): void {
  const [first] = sampled
  const isDescribed = first!.logprob !== null
  sendFrame(
    draft,
    draft.place.entry,
    {
      request_id: request.requestId,
      kind: 'token',
      dtype: 'int64',
      shape: [sampled.length],
      seq: request.outSeq,
      position,
      ...(isDescribed && sampled.length === 1 ? { sampled: first } : {}),
      ...(isDescribed && sampled.length > 1 ? { sampled_list: [...sampled] } : {}),
      trace,
    },
    encodeTokens(sampled.map(({ token }) => token)),
  )
  change(draft, request, { outSeq: request.outSeq + 1 })
}

/** A step failed as a whole: rows that shared it run again alone (a row's position rewinds its cache), a lone row's request fails. */
export function failStep(draft: Draft, error: ErrorData): void {
  const tasks = draft.running ?? []
  draft.running = null
  for (const task of tasks) {
    const request = draft.requests.get(task.requestId)
    if (request === undefined) draft.acts.push({ type: 'forget', requestId: task.requestId })
    else if (tasks.length === 1) failRequest(draft, task.requestId, error)
    else {
      change(draft, request, { pending: [{ ...task, isSolo: true }, ...request.pending] })
      if (!draft.turns.includes(task.requestId)) draft.turns.push(task.requestId)
    }
  }
}
