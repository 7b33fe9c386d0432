/** One answer over three seats, with everything that went over their boundaries: what an auditor is handed. For tests. */
import type { Claim, DrawsClaim, ReplayFrame } from '@computepool/shared/audit'
import { activationRows, joinActivations } from '@computepool/shared/engine'
import type { SamplingParams } from '@computepool/shared/pipeline'
import type { Activation, Engine } from '@computepool/shared/ports'

export interface ServedAnswer {
  /** What each of the three received, in order. */
  readonly frames: readonly [ReplayFrame[], ReplayFrame[], ReplayFrame[]]
  /** What the first two sent, and the last drew from. */
  readonly outputs: readonly [Activation[], Activation[], Activation[]]
  /** All of them. */
  readonly draws: DrawsClaim
}

/** What the seat says, as an auditor compares it; of an exit with its last `draws` draws, all unless told otherwise. */
export function claimOf({ outputs, draws }: ServedAnswer, seat: number, count = draws.tokens.length): Claim {
  if (seat !== 2) return { outputs: outputs[seat as 0 | 1] }
  const { from, until } = draws.run
  const first = Math.max(from, until - count)
  const rows = activationRows(draws.rows, first - from, until - from)
  return { outputs: outputs[2], draws: { ...draws, run: { from: first, until }, rows } }
}

export interface ServeInput {
  readonly engines: readonly [Engine, Engine, Engine]
  readonly prompt: readonly number[]
  /** Sizes of the prompt's frames. */
  readonly chunks: readonly number[]
  readonly count: number
  readonly params: SamplingParams
  readonly vocab: number
  readonly requestId?: string
}

/** Draws `count` tokens. */
export async function serveAnswer(input: ServeInput): Promise<ServedAnswer> {
  const { engines, prompt, params, vocab, requestId = 'served' } = input
  const frames: [ReplayFrame[], ReplayFrame[], ReplayFrame[]] = [[], [], []]
  const outputs: [Activation[], Activation[], Activation[]] = [[], [], []]
  const drawn: number[] = []
  let position = 0
  const step = async (tokens: readonly number[], isDrawn: boolean): Promise<void> => {
    let row: ReplayFrame['input'] = { tokens }
    for (const [seat, engine] of engines.entries()) {
      frames[seat]!.push({ position, rows: tokens.length, input: row })
      const sample = seat === 2 && isDrawn ? { params, generated: [...drawn], prompt } : null
      const [output] = await engine.run([{ requestId, position, input: row, sample, keepRows: true }])
      const rows = output?.kind === 'activation' ? output.activation : output?.rows
      if (rows === undefined) throw new Error(`Seat ${seat} gave ${output?.kind} without rows.`)
      outputs[seat]!.push(rows)
      row = { activation: rows }
      if (output?.kind === 'token') drawn.push(output.sampled.token)
    }
    position += tokens.length
  }
  for (const [i, size] of input.chunks.entries())
    await step(prompt.slice(position, position + size), i === input.chunks.length - 1)
  while (drawn.length < input.count) await step([drawn.at(-1)!], true)
  for (const engine of engines) engine.forget(requestId)
  const draws: DrawsClaim = {
    firstPosition: prompt.length,
    run: { from: prompt.length, until: prompt.length + drawn.length },
    rows: activationRows(joinActivations(outputs[2]), prompt.length - 1, prompt.length - 1 + drawn.length),
    tokens: drawn,
    params,
    generated: [],
    prompt,
    vocab,
  }
  return { frames, outputs, draws }
}
