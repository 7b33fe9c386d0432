/** One answer over three seats, with everything that went over their boundaries: what an auditor is handed. For tests. */
import type { DrawsClaim, ReplayFrame } from '@computepool/shared/audit'
import type { SamplingParams } from '@computepool/shared/pipeline'
import type { Activation, Engine } from '@computepool/shared/ports'

export interface ServedAnswer {
  /** What each of the three received, in order. */
  readonly frames: readonly [ReplayFrame[], ReplayFrame[], ReplayFrame[]]
  /** What the first two sent. */
  readonly outputs: readonly [Activation[], Activation[]]
  readonly draws: DrawsClaim
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
  const outputs: [Activation[], Activation[]] = [[], []]
  const drawn: number[] = []
  let position = 0
  const step = async (tokens: readonly number[], isDrawn: boolean): Promise<void> => {
    let row: ReplayFrame['input'] = { tokens }
    for (const [seat, engine] of engines.entries()) {
      frames[seat]!.push({ position, rows: tokens.length, input: row })
      const sample = seat === 2 && isDrawn ? { params, generated: [...drawn], prompt } : null
      const [output] = await engine.run([{ requestId, position, input: row, sample }])
      if (output?.kind === 'activation') {
        outputs[seat]!.push(output.activation)
        row = { activation: output.activation }
      } else if (output?.kind === 'token') drawn.push(output.sampled.token)
    }
    position += tokens.length
  }
  for (const [i, size] of input.chunks.entries())
    await step(prompt.slice(position, position + size), i === input.chunks.length - 1)
  while (drawn.length < input.count) await step([drawn.at(-1)!], true)
  for (const engine of engines) engine.forget(requestId)
  const draws: DrawsClaim = {
    kind: 'draws',
    firstPosition: prompt.length,
    tokens: drawn,
    params,
    generated: [],
    prompt,
    vocab,
  }
  return { frames, outputs, draws }
}
