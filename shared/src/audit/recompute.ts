/**
 * An auditor's run: feeds a slice what a seat received, from position 0 on and in chunks of its own, and compares what comes out with
 * what the seat claims. It holds one chunk at a time beside what it was given. It knows neither who is checked nor where frames come from.
 */
import {
  activationRows,
  activationValues,
  convertActivation,
  isFiniteActivation,
  joinActivations,
  mayOverflow,
} from '../engine/index.ts'
import { ComputePoolError } from '../errors/index.ts'
import type { Activation, Engine, EngineRow } from '../ports/index.ts'
import { compareRows } from './compare-rows.ts'
import { type ComputedRows, isComputedOf, piecesOf } from './compute-rows.ts'
import { type FramePlace, finalRows, type RowRun } from './final-rows.ts'
import type { DrawsJudged } from './judge-draws.ts'
import { type DrawsClaim, redraw } from './redraw.ts'

/** A frame as the seat received it, in the order of arrival. */
export interface ReplayFrame extends FramePlace {
  readonly input: EngineRow['input']
}

/** What the seat sent on, or an exit’s head took. */
export interface Claim {
  readonly outputs: readonly Activation[]
  /** Where each begins. Seats may cut their rows otherwise than they came; without it: one for each frame. */
  readonly positions?: readonly number[]
  /** The exit's. */
  readonly draws?: DrawsClaim
}

export interface RecomputeInput {
  /** The same layers as the seat's. */
  readonly engine: Engine
  readonly frames: readonly ReplayFrame[]
  readonly claimed: Claim
  /** Of `toleranceFor`. */
  readonly tolerance: { readonly relative: number; readonly logit: number; readonly nearTieShare?: number | undefined }
  /** Of `looseFloor`: one row above it decides nothing, and an exit's draws are looked at all the same. */
  readonly isLoose?: boolean
  /** Positions to compute again at most: a plan's `endPosition`; all unless told otherwise. */
  readonly endPosition?: number
  /** What comes before was another attempt's, which left the cache: it is computed, not compared. Default 0. */
  readonly fromPosition?: number
  /** One turn of the event loop, taken before each step: live work goes first. */
  readonly breathe?: () => Promise<void>
  /** Positions of one step; the engine's most unless told otherwise. */
  readonly chunk?: number
  readonly requestId?: string
  readonly signal?: AbortSignal
  /** What this engine gave for these frames already (`computeRows`): it is not asked again, unless other frames count now. */
  readonly computed?: ComputedRows
}

export interface RecomputeReport {
  /** True where every row is within the tolerance, and no draw is different, nor too many near ties. */
  readonly isHonest: boolean
  /** Positions that were computed again. */
  readonly positions: number
  /** Rows that a later frame overwrote, as guesses that failed: not compared. */
  readonly overwritten: number
  /** Largest relative L2 error of a row, where it was, and the mean. */
  readonly worst: number
  readonly worstPosition: number
  readonly mean: number
  /** Rows that were compared. */
  readonly compared: number
  /** Rows above the tolerance, and the position of the first; null where none is. */
  readonly over: number
  readonly firstOver: number | null
  /** Of an exit, from the rows that it signed; null where these decide alone. */
  readonly draws: DrawsJudged | null
}

/** Bytes of inputs that an auditor takes on: what seats keep of an attempt, and as much again. */
export const maxReplayBytes = 128 << 20

/**
 * Replays and compares. Errors: `input_invalid` for frames that do not begin at 0 or leave gaps, claims that do not fit them, or inputs
 * that are no numbers (whoever sent those is to blame, not the seat); `input_too_large`; and what the engine throws. The cache is
 * forgotten either way.
 */
export async function recompute(input: RecomputeInput): Promise<RecomputeReport> {
  const { engine, frames, claimed } = input
  const requestId = input.requestId ?? 'audit'
  checkInputs(input)
  const claims = claimedRows(claimed, frames, input)
  const runs = finalRows(frames, Math.min(input.endPosition ?? Number.POSITIVE_INFINITY, claims.end))
  const positions = runs.reduce((sum, { rows }) => sum + rows, 0)
  const overwritten = overwrittenRows(frames, positions)
  try {
    const total = { worst: 0, worstPosition: 0, over: 0, firstOver: null as number | null, sum: 0, rows: 0 }
    const { computed } = input
    const pieces = computed !== undefined && isComputedOf(computed, runs) ? computed.pieces : piecesOf(input, runs)
    for await (const { position, activation } of pieces) {
      const recomputed = activationValues(activation)
      const { hidden } = activation
      for (const whole of claims.within(position, position + activation.tokens)) {
        const piece = withoutOverflown(whole, rowsOf(claimed.outputs[whole.frame]!, whole), activation)
        if (piece.rows === 0) continue
        const row = piece.position - position
        if (!isFiniteActivation(activationRows(activation, row, row + piece.rows))) throw overflown(piece.position)
        const compared = compareRows({
          claimed: activationValues(rowsOf(claimed.outputs[piece.frame]!, piece)),
          recomputed: recomputed.subarray(row * hidden, (row + piece.rows) * hidden),
          hidden,
          tolerance: input.tolerance.relative,
        })
        if (compared.worst > total.worst) {
          total.worst = compared.worst
          total.worstPosition = piece.position + compared.worstRow
        }
        if (compared.over > 0) total.firstOver ??= piece.position + compared.firstOver
        total.over += compared.over
        total.sum += compared.sum
        total.rows += piece.rows
      }
    }
    const { sum, rows, ...found } = total
    const isDecided = found.over > 0 && input.isLoose !== true
    const draws = claimed.draws === undefined || isDecided ? null : await redraw(redrawOf(input, claimed.draws))
    return {
      isHonest: found.over === 0 && draws?.isHonest !== false,
      positions,
      overwritten,
      ...found,
      mean: rows === 0 ? 0 : sum / rows,
      compared: rows,
      draws,
    }
  } finally {
    engine.forget(requestId)
  }
}

/** But for the first position's row, where 16 bits did not hold it: one such row says nothing of whoever computed it. */
function withoutOverflown(piece: RowRun, said: Activation, computed: Activation): RowRun {
  if (piece.position > 0) return piece
  const isOverflown = [said, computed].some(
    rows => mayOverflow(rows, 0) && !isFiniteActivation(activationRows(rows, 0, 1)),
  )
  return isOverflown ? { ...piece, from: piece.from + 1, position: 1, rows: piece.rows - 1 } : piece
}

/** Our own rows: somebody before the seat may have sent it what no engine can compute with, and nothing is said of the seat. */
function overflown(position: number): ComputePoolError {
  return new ComputePoolError('engine_failed', `The engine gave what is no number from position ${position} on.`, {
    remedy: 'Check the seat before this one: it may have sent what no engine can compute with.',
    context: { position },
  })
}

/** The claimed rows that still held at the end, and those among them of any positions. */
function claimedRows(
  { outputs, positions }: Claim,
  frames: readonly ReplayFrame[],
  { endPosition, fromPosition = 0 }: RecomputeInput,
) {
  const places = outputs.map(({ tokens }, i) => ({ position: positions?.[i] ?? frames[i]!.position, rows: tokens }))
  const runs = finalRows(places, endPosition, fromPosition)
  const last = runs.at(-1)
  return {
    end: last === undefined ? fromPosition : last.position + last.rows,
    *within(start: number, end: number): Iterable<RowRun> {
      for (const run of runs) {
        const from = Math.max(run.position, start)
        const rows = Math.min(run.position + run.rows, end) - from
        if (rows > 0) yield { frame: run.frame, from: run.from + from - run.position, position: from, rows }
      }
    },
  }
}

function redrawOf({ engine, tolerance, signal, breathe }: RecomputeInput, claimed: DrawsClaim) {
  const { logit, nearTieShare } = tolerance
  return {
    ...{ engine, claimed, logitTolerance: logit },
    ...(nearTieShare === undefined ? {} : { nearTieShare }),
    ...(signal === undefined ? {} : { signal }),
    ...(breathe === undefined ? {} : { breathe }),
  }
}

/** One chunk's input in the engine's own floats, as neighbours of another type would have sent it. */
export function inputOf(engine: Engine, frames: readonly ReplayFrame[], pieces: readonly RowRun[]): EngineRow['input'] {
  const tokens: number[] = []
  const activations: Activation[] = []
  for (const piece of pieces) {
    const { input } = frames[piece.frame]!
    if ('tokens' in input) tokens.push(...input.tokens.slice(piece.from, piece.from + piece.rows))
    else activations.push(convertActivation(rowsOf(input.activation, piece), engine.facts.activationDtype))
  }
  return activations.length === 0 ? { tokens } : { activation: joinActivations(activations) }
}

function rowsOf(activation: Activation, { from, rows }: RowRun): Activation {
  return activationRows(activation, from, from + rows)
}

/** Rows sent that no final position below `positions` holds. */
function overwrittenRows(frames: readonly FramePlace[], positions: number): number {
  const sent = frames.reduce((sum, { position, rows }) => sum + Math.max(0, Math.min(rows, positions - position)), 0)
  return sent - positions
}

function checkInputs({ engine, frames, claimed }: RecomputeInput): void {
  checkFrames(engine, frames)
  const { positions } = claimed
  if (claimed.outputs.length !== (positions?.length ?? frames.length))
    throw unfit(`${frames.length} frames were received and ${claimed.outputs.length} are claimed to have been sent.`)
  const hidden = claimed.outputs[0]?.hidden
  for (const [i, output] of claimed.outputs.entries()) {
    const elementBytes = output.dtype === 'f32' ? 4 : 2
    const isSound =
      output.hidden === hidden &&
      (positions !== undefined || output.tokens === frames[i]!.rows) &&
      output.data.length === output.tokens * output.hidden * elementBytes
    if (!isSound) throw unfit(`Claim ${i} of ${output.tokens} rows does not fit a frame of ${frames[i]?.rows}.`)
  }
}

/** Errors: `input_invalid`, `input_too_large`. */
export function checkFrames(engine: Engine, frames: readonly ReplayFrame[]): void {
  const isEntry = engine.layers.start === 0
  let sizeBytes = 0
  for (const [i, { rows, input }] of frames.entries()) {
    if ('tokens' in input !== isEntry)
      throw unfit(`Frame ${i} brings ${isEntry ? 'activations' : 'tokens'} to layer ${engine.layers.start}.`)
    const brought = 'tokens' in input ? input.tokens.length : input.activation.tokens
    if (brought !== rows) throw unfit(`Frame ${i} is of ${rows} rows and brings ${brought}.`)
    if ('activation' in input) {
      sizeBytes += input.activation.data.length
      if (!isFiniteActivation(input.activation)) throw unfit(`Frame ${i} holds what is no number.`)
    }
  }
  checkReplayBytes(sizeBytes)
}

/** Errors: `input_too_large`. */
export function checkReplayBytes(sizeBytes: number): void {
  if (sizeBytes <= maxReplayBytes) return
  throw new ComputePoolError(
    'input_too_large',
    `An attempt of ${sizeBytes} bytes was to be computed again; the limit is ${maxReplayBytes}.`,
    { remedy: 'Check an earlier end.', context: { sizeBytes, limitBytes: maxReplayBytes } },
  )
}

export function unfit(message: string): ComputePoolError {
  return new ComputePoolError('input_invalid', message, {
    remedy: 'Ask the neighbours for the frames again, and check them against the receipts.',
  })
}
