/** Which rows the engine runs next: requests take turns, a row at a time, decode rows before chunks of prompts. It knows no peers and no text. */
import type { EngineRow } from '../ports/index.ts'
import type { Draft } from './pipeline-draft.ts'
import { change } from './pipeline-draft.ts'
import type { RequestState, RowTask } from './pipeline-state.ts'
import { rowsToShare } from './share-step.ts'
import { expectedMs } from './step-costs.ts'

/** Starts a step where the engine is free and a row waits. */
export function startRows(draft: Draft, nowMs: number): void {
  if (draft.running !== null || draft.turns.length === 0) return
  const chosen = chooseRows(draft)
  if (chosen.length === 0) return
  const turns = draft.turns.filter(requestId => !chosen.some(task => task.requestId === requestId))
  const tasks: RowTask[] = []
  for (const task of chosen) {
    const { requestId } = task
    tasks.push({ ...task, startedMs: nowMs })
    const request = draft.requests.get(requestId)!
    const { entry, pending } = request
    if (pending.length > 1) turns.push(requestId)
    change(draft, request, {
      pending: pending.slice(1),
      entry: entry !== null && task.isSampled ? { ...entry, lapStartedMs: nowMs } : entry,
    })
  }
  draft.turns = turns
  draft.running = tasks
  draft.acts.push({ type: 'run', rows: tasks.map(task => engineRow(draft, task)) })
}

/** A row that brings tokens: the current one, perhaps with guesses behind it. The others are chunks of a prompt. */
export function isDecodeRow({ tokens, guesses }: RowTask): boolean {
  return tokens - guesses.length === 1
}

/**
 * Decode rows go first, and share a step where that was measured to pay; a chunk of a prompt runs alone, so that it delays others by
 * one chunk at most.
 */
function chooseRows(draft: Draft): readonly RowTask[] {
  const decoding: RowTask[] = []
  let chunk: RowTask | undefined
  for (const requestId of draft.turns) {
    const first = draft.requests.get(requestId)?.pending[0]
    if (first === undefined) continue
    if (isDecodeRow(first)) decoding.push(first)
    else chunk ??= first
  }
  if (chunk !== undefined && (decoding.length === 0 || isDue(draft, chunk))) return [chunk]
  const row = decoding[0]
  if (row === undefined) return []
  if (!canShare(row)) return [row]
  const sharing = decoding.filter(canShare)
  return sharing.slice(0, rowsToShare(draft.sharingCosts, sharing.length, draft.config.maxRows))
}

/** Prompts wait while decode rows take about as long as the chunk that waits, and no longer: under any load they have half of the time. */
function isDue(draft: Draft, { tokens }: RowTask): boolean {
  return draft.owedMs >= 0.9 * (expectedMs(draft.chunkCosts, tokens) ?? 0)
}

/** Engines take rows of one position together; a row that was in a failed step runs by itself. */
function canShare({ tokens, isSolo }: RowTask): boolean {
  return tokens === 1 && !isSolo
}

function engineRow(draft: Draft, task: RowTask): EngineRow {
  const request = draft.requests.get(task.requestId)!
  const row = {
    requestId: task.requestId,
    position: task.position,
    input: task.input,
    ...(task.reuse === null ? {} : { reuse: task.reuse }),
    // What no receipt speaks of need not be read back.
    ...(draft.place.isExit && request.chains !== null ? { keepRows: true } : {}),
  }
  if (!draft.place.isExit || !task.isSampled || request.sampling === null) return { ...row, sample: null }
  const generated = generatedBefore(request, firstDrawnAt(task))
  const guessed = task.guesses.length > 0 ? { draft: task.guesses } : {}
  const sample = { params: request.sampling, generated, prompt: request.prompt, ...guessed }
  return { ...row, sample }
}

/** Position of the first token that is drawn from the row. */
export function firstDrawnAt({ position, tokens, guesses }: RowTask): number {
  return position + tokens - guesses.length
}

/** Tokens drawn at positions below `position`: after a rewind the later ones no longer count. */
export function generatedBefore(request: RequestState, position: number): readonly number[] {
  const { generated, firstDrawn } = request
  const count = firstDrawn === null ? generated.length : Math.max(0, position - firstDrawn)
  return count >= generated.length ? generated : generated.slice(0, count)
}
