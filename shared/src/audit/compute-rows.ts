/**
 * The first half of an auditor's run: what its engine gives for the frames that a seat received, and a sketch of that, before it is known what the seat
 * sent. It knows no claim and no tolerance.
 */
import { activationValues, isFiniteActivation } from '../engine/index.ts'
import type { Activation } from '../ports/index.ts'
import { chunkRuns, finalRows, type RowRun } from './final-rows.ts'
import { checkFrames, checkReplayBytes, inputOf, type RecomputeInput, unfit } from './recompute.ts'
import { createRowSketcher, type RowsSketched } from './sketch-rows.ts'

/** Consecutive rows from `position` on. */
export interface ComputedPiece {
  readonly position: number
  readonly activation: Activation
}

export interface ComputedRows {
  /** Of which received rows it is. */
  readonly runs: readonly RowRun[]
  readonly pieces: readonly ComputedPiece[]
}

export type ComputeInput = Omit<RecomputeInput, 'claimed' | 'tolerance' | 'computed'>

/**
 * All rows of positions `fromPosition` to `endPosition`, held in memory. Errors: `input_invalid` and `input_too_large` as `recompute`, the latter for what
 * is held too; what the engine throws. The cache is forgotten either way.
 */
export async function computeRows(input: ComputeInput): Promise<ComputedRows> {
  const { engine, frames, fromPosition = 0, requestId = 'audit' } = input
  checkFrames(engine, frames)
  const runs = finalRows(frames, input.endPosition)
  const pieces: ComputedPiece[] = []
  let sizeBytes = 0
  try {
    for await (const { position, activation } of piecesOf(input, runs)) {
      if (position + activation.tokens <= fromPosition) continue
      if (!isFiniteActivation(activation))
        throw unfit(`The engine gave what is no number from position ${position} on.`)
      sizeBytes += activation.data.length
      checkReplayBytes(sizeBytes)
      pieces.push({ position, activation })
    }
    return { runs, pieces }
  } finally {
    engine.forget(requestId)
  }
}

/** What it computed of positions from `fromPosition` on, under `nonce` (hex). */
export async function sketchComputed(
  { pieces }: ComputedRows,
  nonce: string,
  { fromPosition = 0, breathe, signal }: Pick<RecomputeInput, 'fromPosition' | 'breathe' | 'signal'>,
): Promise<RowsSketched> {
  const sketcher = createRowSketcher(nonce)
  for (const { position, activation } of pieces) {
    await breathe?.()
    signal?.throwIfAborted()
    const { hidden } = activation
    const before = Math.max(0, fromPosition - position)
    sketcher.add(position + before, activationValues(activation).subarray(before * hidden), hidden)
  }
  return sketcher.sketched()
}

/** Whether it is of just those rows, or of more behind them: later frames may turn out not to count, and then others stand in their places. */
export function isComputedOf({ runs }: ComputedRows, wanted: readonly RowRun[]): boolean {
  return wanted.every(({ frame, from, position, rows }, i) => {
    const run = runs[i]
    const isLast = i === wanted.length - 1
    const isWhole = run?.rows === rows || (isLast && (run?.rows ?? 0) > rows)
    return run?.frame === frame && run.from === from && run.position === position && isWhole
  })
}

/** One after the other, as the engine gives them. */
export async function* piecesOf(input: ComputeInput, runs: readonly RowRun[]): AsyncIterable<ComputedPiece> {
  const { engine, frames, requestId = 'audit' } = input
  const chunk = Math.max(1, Math.min(engine.facts.maxChunk, input.chunk ?? engine.facts.maxChunk))
  for (const pieces of chunkRuns(runs, chunk)) {
    await input.breathe?.()
    input.signal?.throwIfAborted()
    const position = pieces[0]!.position
    const row = { requestId, position, input: inputOf(engine, frames, pieces), sample: null, keepRows: true }
    const [output] = await engine.run([row])
    const activation = output?.kind === 'activation' ? output.activation : output?.rows
    if (activation === undefined) throw unfit(`The engine gave ${output?.kind} where rows were claimed.`)
    yield { position, activation }
  }
}
