/**
 * A slice that proves itself on what a seed makes: the input computed from position 0 on, a sketch of all that comes out, and whether two who computed the
 * same layers gave the same. It knows an engine and numbers, not who asks, nor what follows. Why these bounds: `docs/decisions/checks.md`.
 */
import { activationRows, activationValues, convertActivation } from '../engine/index.ts'
import { asComputePoolError, ComputePoolError } from '../errors/index.ts'
import type { LayerRange, Manifest } from '../model/index.ts'
import { greedy, type SampledToken } from '../pipeline/index.ts'
import type { Engine, EngineOutput, EngineRow } from '../ports/index.ts'
import type { SliceProof } from '../wire/index.ts'
import { challengeInput } from './challenge-input.ts'
import { canonicalJson } from './commitment.ts'
import { floorFor } from './loose-floor.ts'
import { createRowSketcher, distanceOfSketches, isFiniteSketch } from './sketch-rows.ts'
import { type ToleranceSide, type ToleranceTable, toleranceFor } from './tolerance.ts'

/** What is asked. */
export interface SliceChallenge {
  readonly challenge: string
  readonly layers: LayerRange
  /** 32 bytes each, hex. */
  readonly seed: string
  readonly nonce: string
  readonly positions: number
}

export interface AnswerInput {
  readonly engine: Engine
  readonly manifest: Manifest
  readonly asked: SliceChallenge
  /** One turn of the event loop, before each step: live work goes first. */
  readonly breathe?: () => Promise<void>
  readonly signal?: AbortSignal
  /** Positions of one step; the engine's most unless told otherwise. */
  readonly chunk?: number
}

/** The exit's last positions are drawn at, one by one. */
export const challengedDraws = 16
const likeliest = 20

/** Computes it and forgets the cache. Errors: `input_invalid` where the engine holds other layers; the signal's reason; what the engine throws. */
export async function answerChallenge(input: AnswerInput): Promise<SliceProof> {
  const { engine, manifest, asked, breathe, signal } = input
  const { start, end } = asked.layers
  if (engine.layers.start !== start || engine.layers.end !== end) throw notHeld(asked.layers)
  const { dimensions } = manifest
  const isExit = end === dimensions.layers
  const whole = challengeInput({ ...asked, dimensions, isEntry: start === 0 })
  const most = Math.max(1, Math.min(engine.facts.maxChunk, input.chunk ?? engine.facts.maxChunk))
  const drawsFrom = isExit ? Math.max(0, asked.positions - challengedDraws) : asked.positions
  const sketcher = createRowSketcher(asked.nonce)
  const draws: [number, number][][] = []
  const { challenge: requestId } = asked
  const told = { kind: engine.facts.kind, dtype: engine.facts.activationDtype }
  let logprobs: number | null = likeliest
  const run = async (row: Omit<EngineRow, 'sample'>, isDraw: boolean): Promise<EngineOutput | undefined> => {
    const sample = isDraw ? { params: { ...greedy, logprobs }, generated: [], prompt: [] } : null
    try {
      return (await engine.run([{ ...row, sample }]))[0]
    } catch (thrown) {
      // A peer of the original protocol behind it has no chances to tell: its tokens alone are compared with nobody's.
      const isRefused = isDraw && logprobs !== null && asComputePoolError(thrown).code === 'input_unsupported'
      if (!isRefused) throw thrown
      logprobs = null
      return run(row, isDraw)
    }
  }
  try {
    for (let position = 0; position < asked.positions; ) {
      await breathe?.()
      signal?.throwIfAborted()
      const isDraw = position >= drawsFrom
      const until = isDraw ? position + 1 : Math.min(position + most, drawsFrom)
      const output = await run({ requestId, position, input: piece(whole, position, until, engine) }, isDraw)
      if (output?.kind === 'activation') {
        const { hidden } = output.activation
        sketcher.add(position, activationValues(output.activation), hidden)
      } else if (output?.kind === 'token') draws.push(drawOf(output.sampled, told.dtype))
      else if (output?.kind !== 'none') throw unfit(output?.kind)
      position = until
    }
  } finally {
    engine.forget(requestId)
  }
  return isExit ? { kind: 'draws', engine: told, draws } : { kind: 'rows', engine: told, ...sketcher.sketched() }
}

function piece(whole: EngineRow['input'], start: number, end: number, { facts }: Engine): EngineRow['input'] {
  if ('tokens' in whole) return { tokens: whole.tokens.slice(start, end) }
  return { activation: convertActivation(activationRows(whole.activation, start, end), facts.activationDtype) }
}

/** The drawn token first, with its own chance: it need not be the likeliest that is told. Alone where narrow floats ran over: that is nobody's fault. */
function drawOf({ token, logprob, topLogprobs }: SampledToken, dtype: ToleranceSide['dtype']): [number, number][] {
  const isOver = [logprob ?? 0, ...topLogprobs.map(([, chance]) => chance)].some(
    chance => !(chance < Number.POSITIVE_INFINITY),
  )
  if (isOver && dtype === 'f32') throw unfit('a chance that is no number')
  if (isOver) return [[token, 0]]
  const others = topLogprobs.filter(([other]) => other !== token).slice(0, likeliest - 1)
  return [[token, logprob ?? 0] as const, ...others].map(([each, chance]) => [each, Math.max(chance, -1e4)])
}

/** What a session key signs of it: canonical JSON under a name of its own, so that it is no receipt. */
export function sliceProofText(
  { challenge, layers, seed, nonce, positions }: SliceChallenge,
  proof: SliceProof,
): string {
  return `ComputePool slice proof 1\n${canonicalJson({ challenge, layers, seed, nonce, positions, proof })}`
}

/** 32 sums estimate a length; that they say twice as much happens once in 10¹² times. */
export const mostExaggeration = 2

export interface CompareProofsInput {
  readonly proofs: readonly [SliceProof, SliceProof]
  readonly sides: readonly [ToleranceSide, ToleranceSide]
  readonly quantisation: Manifest['quantisation']
  readonly layers: number
  readonly table: ToleranceTable
}

/**
 * Whether both computed the same layers. By the measured tolerance of the pair; where nobody measured it, by the loose floor: within that it is
 * `unjudged`, and so is all where not even the floor holds, where f16 or bf16 ran over, and where one side told fewer chances.
 */
export function compareProofs({ proofs, table, ...pair }: CompareProofsInput): 'same' | 'different' | 'unjudged' {
  const [a, b] = proofs
  if (a.kind !== b.kind) return 'different'
  const measured = toleranceFor(table, pair)
  const ours = pair.sides.find(({ dtype }) => dtype === 'f32')
  const floor = ours === undefined ? null : floorFor({ ours, layers: pair.layers })
  const tolerance = measured ?? floor
  if (tolerance === null) return 'unjudged'
  const within = measured === null ? 'unjudged' : 'same'
  if (a.kind === 'rows' && b.kind === 'rows') {
    if (a.rows !== b.rows) return 'different'
    // A number that narrow floats do not reach makes all sums none; of others what is no number is within no bound.
    const isOver = ({ sketch }: typeof a, { dtype }: ToleranceSide): boolean =>
      dtype !== 'f32' && !isFiniteSketch(sketch)
    if (isOver(a, pair.sides[0]) || isOver(b, pair.sides[1])) return 'unjudged'
    return distanceOfSketches(a.sketch, b.sketch) <= tolerance.relative * mostExaggeration ? within : 'different'
  }
  if (a.kind !== 'draws' || b.kind !== 'draws' || a.draws.length !== b.draws.length) return 'different'
  // Chances that one of them had not to tell.
  if (a.draws.some((draw, at) => draw.length !== b.draws[at]!.length)) return 'unjudged'
  const over = a.draws.filter((draw, at) => farthest(draw, b.draws[at]!) > 2 * tolerance.logit).length
  const isOther = measured === null ? over * 2 > a.draws.length : over > 0
  return isOther ? 'different' : within
}

/**
 * Between two lists of likeliest tokens, in nats. Logits within *e* of each other, but for one number added to all, are within 2 *e* as logarithms of
 * chances. A token that one does not name is at most as likely there as the last that is named.
 */
function farthest(a: readonly (readonly [number, number])[], b: readonly (readonly [number, number])[]): number {
  const one = (from: typeof a, to: typeof a): number => {
    const known = new Map(to.map(([token, logprob]) => [token, logprob]))
    const least = Math.min(...known.values())
    return Math.max(
      ...from.map(([token, logprob]) => {
        const other = known.get(token)
        return other === undefined ? logprob - least : Math.abs(logprob - other)
      }),
    )
  }
  return Math.max(one(a, b), one(b, a))
}

function notHeld({ start, end }: LayerRange): ComputePoolError {
  return new ComputePoolError('input_invalid', `Layers ${start} to ${end} are not held here without a seat.`, {
    remedy: 'Ask whoever holds them.',
  })
}

function unfit(kind: string | undefined): ComputePoolError {
  return new ComputePoolError('input_invalid', `The engine gave ${kind} where rows or a token were asked for.`, {
    remedy: 'Challenge a slice of this model.',
  })
}
