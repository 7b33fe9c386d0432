/** Which rows the engine runs next: requests take turns, a row at a time. Knows rows, not what they mean. */
import type { EngineRow } from '../ports/index.ts'
import type { Draft } from './pipeline-draft.ts'
import { change } from './pipeline-draft.ts'
import type { RequestState, RowTask } from './pipeline-state.ts'

/** Starts a step where the engine is free and a row waits. */
export function startRows(draft: Draft, nowMs: number): void {
  if (draft.running !== null) return
  const tasks: RowTask[] = []
  const line = draft.turns
  draft.turns = []
  const again: string[] = []
  for (const requestId of line) {
    const request = draft.requests.get(requestId)
    const task = request?.pending[0]
    if (request === undefined || task === undefined) continue
    if (!fits(draft, tasks, task)) {
      draft.turns.push(requestId)
      continue
    }
    tasks.push({ ...task, startedMs: nowMs })
    const rest = request.pending.slice(1)
    if (rest.length > 0) again.push(requestId)
    change(draft, request, {
      pending: rest,
      entry: request.entry !== null && task.isSampled ? { ...request.entry, lapStartedMs: nowMs } : request.entry,
    })
  }
  draft.turns.push(...again)
  if (tasks.length === 0) return
  draft.running = tasks
  draft.acts.push({ type: 'run', rows: tasks.map(task => engineRow(draft, task)) })
}

/** Decode rows share a step; a prefill chunk runs alone, so that it delays others by one chunk at most. */
function fits(draft: Draft, tasks: readonly RowTask[], task: RowTask): boolean {
  const first = tasks[0]
  if (first === undefined) return true
  if (tasks.length >= draft.config.maxRows) return false
  return [first, task].every(row => row.tokens === 1 && !row.isSolo)
}

function engineRow(draft: Draft, task: RowTask): EngineRow {
  const request = draft.requests.get(task.requestId)!
  const row = {
    requestId: task.requestId,
    position: task.position,
    input: task.input,
    ...(task.reuse === null ? {} : { reuse: task.reuse }),
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
