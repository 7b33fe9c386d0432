/**
 * An exit's draws made again by the head alone, from the rows that the exit signed: what was claimed goes in as guesses, and the engine draws what
 * single steps would have drawn, up to the first that differs. That one is a near tie, or it is not; then it goes on behind it. It knows no seat.
 */
import { activationRows, convertActivation, isDrawable, mayOverflow } from '../engine/index.ts'
import { ComputePoolError } from '../errors/index.ts'
import type { SamplingParams } from '../pipeline/index.ts'
import type { Activation, Engine, SampleRequest } from '../ports/index.ts'
import { countVerdicts, type DrawsJudged, type DrawVerdict, judgeDraw } from './judge-draws.ts'
import type { DrawRun } from './plan-checks.ts'

/** What an exit says that it drew, and the rows of some of it. */
export interface DrawsClaim {
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
  /** Which are looked at. */
  readonly run: DrawRun
  /** [until - from, hidden]: those of the positions just before them. */
  readonly rows: Activation
}

export interface RedrawInput {
  readonly engine: Pick<Engine, 'drawFrom' | 'logitsOf' | 'facts'>
  readonly claimed: DrawsClaim
  readonly logitTolerance: number
  readonly nearTieShare?: number
  readonly signal?: AbortSignal
  readonly breathe?: () => Promise<void>
}

/** Wrong draws after which the rest need not be looked at: each costs a step of its own. */
const enough = 4

/** Judges the draws of `run`, each from its row. Errors: `input_invalid` where rows and tokens do not fit; what the engine throws. */
export async function redraw(input: RedrawInput): Promise<DrawsJudged> {
  const { claimed, engine } = input
  const { tokens, firstPosition, rows, run } = claimed
  const { from, until } = run
  if (rows.tokens !== until - from || from < firstPosition || until > firstPosition + tokens.length)
    throw unfit(
      `${rows.tokens} rows came for the tokens from ${from} to ${until}, of ${tokens.length} from ${firstPosition} on.`,
    )
  const verdicts: DrawVerdict[] = []
  for (let position = from; position < until; ) {
    await input.breathe?.()
    input.signal?.throwIfAborted()
    const given = { rows: activationRows(rows, position - from, until - from), position: position - 1 }
    const sample = sampleOf(claimed, position)
    const draft = tokens.slice(position - firstPosition, until - 1 - firstPosition)
    const asked = { ...given, sample: draft.length === 0 ? sample : { ...sample, draft } }
    // Rows that no head can draw from are the accused's doing: such a one is looked at by itself. What else failed fails there again.
    const drawn = await engine.drawFrom(asked).catch(() => [])
    for (const { token } of drawn.length === 0 ? [{ token: null }] : drawn) {
      const isSame = token === tokens[position - firstPosition] && isDrawable(rowBefore(claimed, position))
      verdicts.push(isSame ? 'same' : await judge(input, position))
      position += 1
    }
    if (verdicts.filter(verdict => verdict === 'different').length >= enough) break
  }
  return countVerdicts(verdicts, input.nearTieShare)
}

/** The request's own sampling of the token at `position`, as the exit had it. */
function sampleOf({ params, generated, tokens, prompt, firstPosition }: DrawsClaim, position: number): SampleRequest {
  const before = [...generated, ...tokens.slice(0, position - firstPosition)]
  return { params: { ...params, logprobs: null }, generated: before, prompt }
}

/**
 * Whether the token at `position`, which came out otherwise or not at all, is a near tie. No honest exit draws from a row that is no number (an
 * engine refuses it), but what 16 bits cannot hold says nothing.
 */
async function judge({ engine, claimed, logitTolerance }: RedrawInput, position: number): Promise<DrawVerdict> {
  const { params, vocab, firstPosition } = claimed
  const token = claimed.tokens[position - firstPosition]!
  if (token >= vocab) return 'different'
  const rows = rowBefore(claimed, position)
  if (!isDrawable(rows)) return mayOverflow(rows, position - 1) ? 'unjudged' : 'different'
  if (!isDrawable(convertActivation(rows, engine.facts.activationDtype))) return 'unjudged'
  const logits = await engine.logitsOf({ rows, position: position - 1 })
  if (!logits.every(Number.isFinite)) return 'unjudged'
  const { generated, prompt } = sampleOf(claimed, position)
  return judgeDraw({ position, token, logits, generated, prompt }, { params, logitTolerance })
}

function rowBefore({ rows, run }: DrawsClaim, position: number): Activation {
  return activationRows(rows, position - run.from, position - run.from + 1)
}

function unfit(message: string): ComputePoolError {
  return new ComputePoolError('input_invalid', message, {
    remedy: 'Check draws with an engine that holds the last layer, and the rows that were signed for them.',
  })
}
