/**
 * The exit's draws made again by an engine: what was claimed goes in as guesses, many positions a step, and the engine draws what single
 * steps would have drawn, up to the first that differs. That one is a near tie, or it is not; then it goes on behind it. It knows no seat.
 */
import { activationRows } from '../engine/index.ts'
import { ComputePoolError } from '../errors/index.ts'
import { greedy, type SampledToken, type SamplingParams } from '../pipeline/index.ts'
import type { Engine, EngineRow, SampleRequest } from '../ports/index.ts'
import { uniformAt } from '../sampler/index.ts'
import { couldDraw } from './could-draw.ts'
import { countVerdicts, type DrawsJudged, type DrawVerdict } from './judge-draws.ts'
import { partialScores } from './partial-scores.ts'

/** What an exit says that it drew. */
export interface DrawsClaim {
  readonly kind: 'draws'
  /** Position of the first token that this attempt drew: prompt, and what was drawn before. */
  readonly firstPosition: number
  /** One a position, as they were kept. */
  readonly tokens: readonly number[]
  readonly params: SamplingParams
  /** Tokens that earlier attempts drew, and the prompt where the repetition penalty is not 1. */
  readonly generated: readonly number[]
  readonly prompt: readonly number[]
  /** The model's tokens. */
  readonly vocab: number
}

/** Consecutive positions from `position` on. */
export interface RedrawChunk {
  readonly position: number
  readonly rows: number
  readonly input: EngineRow['input']
}

export interface RedrawInput {
  readonly engine: Engine
  readonly requestId: string
  readonly claimed: DrawsClaim
  readonly chunks: Iterable<RedrawChunk>
  readonly logitTolerance: number
  readonly nearTieShare?: number
  readonly signal?: AbortSignal
  readonly breathe?: () => Promise<void>
}

/** Wrong draws after which the rest need not be looked at: each costs a step of its own. */
const enough = 4

/** Judges the draws after each position of `chunks`. What the engine throws goes through. */
export async function redraw(input: RedrawInput): Promise<DrawsJudged> {
  const { claimed } = input
  const verdicts: DrawVerdict[] = []
  // A position's output is the token of the next one; nothing is claimed behind the last.
  const end = claimed.firstPosition + claimed.tokens.length - 1
  for (const chunk of input.chunks) {
    const until = Math.min(chunk.position + chunk.rows, end)
    for (let position = chunk.position; position < until; ) {
      await input.breathe?.()
      input.signal?.throwIfAborted()
      const step = rowsOf(chunk, position, until)
      const first = Math.max(position, claimed.firstPosition - 1)
      if (first >= until) {
        await run(input, step, null)
        break
      }
      const sample = sampleAt(claimed, first)
      const guesses = claimed.tokens.slice(first + 1 - claimed.firstPosition, until - claimed.firstPosition)
      const drawn = await run(input, step, guesses.length === 0 ? sample : { ...sample, draft: guesses })
      position = first
      for (const { token } of drawn.slice(0, until - first)) {
        const claim = claimed.tokens[position + 1 - claimed.firstPosition]!
        verdicts.push(token === claim ? 'same' : await judge(input, rowsOf(chunk, position, position + 1), claim))
        position += 1
      }
      if (verdicts.filter(verdict => verdict === 'different').length >= enough)
        return countVerdicts(verdicts, input.nearTieShare)
    }
  }
  return countVerdicts(verdicts, input.nearTieShare)
}

/** The request's own sampling after `position`, as the exit had it. */
function sampleAt({ params, generated, tokens, prompt, firstPosition }: DrawsClaim, position: number): SampleRequest {
  const before = [...generated, ...tokens.slice(0, position + 1 - firstPosition)]
  return { params: { ...params, logprobs: null }, generated: before, prompt }
}

/** Whether the draw after one position, which came out otherwise, is a near tie. Two runs tell the likeliest tokens, and the claimed one's own chance. */
async function judge(input: RedrawInput, step: RedrawChunk, token: number): Promise<DrawVerdict> {
  const { claimed, logitTolerance } = input
  const { params, vocab } = claimed
  if (token >= vocab) return 'different'
  const ask = { generated: [], prompt: [] }
  const [most] = await run(input, step, { ...ask, params: { ...greedy, logprobs: 20 } })
  const [forced] = await run(input, step, { ...ask, params: { ...greedy, logprobs: 0, logitBias: [[token, 100]] } })
  // Not even a hundred nats made it the likeliest.
  if (forced?.token !== token || forced.logprob === null) return 'different'
  const request = sampleAt(claimed, step.position)
  const likeliest = most!.topLogprobs
  const scores = partialScores({ likeliest, claimed: [token, forced.logprob], request, vocab })
  if (scores === null) return 'unjudged'
  const position = step.position + 1
  const tolerance = logitTolerance / (params.temperature === 0 ? 1 : Math.max(params.temperature, 1e-6))
  const isNear = couldDraw({ scores, params, uniform: uniformAt(params.seed, position), token, tolerance })
  return isNear ? 'near-tie' : 'different'
}

async function run(
  { engine, requestId }: RedrawInput,
  step: RedrawChunk,
  sample: SampleRequest | null,
): Promise<readonly SampledToken[]> {
  const { position, input } = step
  const [output] = await engine.run([{ requestId, position, input, sample }])
  if (output?.kind === 'token') return [output.sampled]
  if (output?.kind === 'tokens') return output.sampled
  if (output?.kind === 'none' && sample === null) return []
  throw new ComputePoolError('input_invalid', `The engine gave ${output?.kind} where a token was claimed.`, {
    remedy: 'Check draws with an engine that holds the last layer.',
  })
}

/** Positions [from, until) of `chunk`. */
function rowsOf(chunk: RedrawChunk, from: number, until: number): RedrawChunk {
  const { input, position } = chunk
  const [start, end] = [from - position, until - position]
  return {
    position: from,
    rows: until - from,
    input:
      'tokens' in input
        ? { tokens: input.tokens.slice(start, end) }
        : { activation: activationRows(input.activation, start, end) },
  }
}
