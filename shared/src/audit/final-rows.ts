/**
 * Which of the rows that a seat received still held at the end: a frame's start cuts back what stood there, as a rewind after guesses
 * that failed does. It knows positions, and neither values nor engines.
 */
import { ComputePoolError } from '../errors/index.ts'

/** A frame as the seat received it. */
export interface FramePlace {
  /** Absolute position of its first row. */
  readonly position: number
  readonly rows: number
}

/** Rows `[from, from + rows)` of frame `frame`, at `position` and on. */
export interface RowRun {
  readonly frame: number
  readonly from: number
  readonly position: number
  readonly rows: number
}

/**
 * The rows of positions `start`, `start` + 1, … in order, each as it was last sent, before position `end`. Errors: `input_invalid` for
 * frames that leave a gap, are empty, or begin elsewhere.
 */
export function finalRows(frames: readonly FramePlace[], end = Number.POSITIVE_INFINITY, start = 0): RowRun[] {
  const runs: RowRun[] = []
  let length = start
  for (const [frame, { position, rows }] of frames.entries()) {
    const isSound = Number.isInteger(position) && Number.isInteger(rows) && rows >= 1 && position >= start
    if (!isSound || position > length)
      throw new ComputePoolError(
        'input_invalid',
        `Frame ${frame} brings ${rows} rows from position ${position} on, but what came before ends at ${length}.`,
        { remedy: 'Give every frame of the attempt, in the order of arrival.', context: { frame, position, rows } },
      )
    cutTo(runs, position)
    runs.push({ frame, from: 0, position, rows })
    length = position + rows
  }
  cutTo(runs, end)
  return runs
}

function cutTo(runs: RowRun[], end: number): void {
  while (runs.length > 0) {
    const last = runs.at(-1)!
    if (last.position + last.rows <= end) return
    runs.pop()
    if (last.position < end) runs.push({ ...last, rows: end - last.position })
  }
}

/** `runs` cut at multiples of `chunk` positions: the pieces of each chunk, in order. */
export function chunkRuns(runs: readonly RowRun[], chunk: number): RowRun[][] {
  const chunks: RowRun[][] = []
  let room = 0
  for (const run of runs) {
    for (let done = 0; done < run.rows; ) {
      if (room === 0) {
        chunks.push([])
        room = chunk
      }
      const rows = Math.min(room, run.rows - done)
      chunks.at(-1)!.push({ ...run, from: run.from + done, position: run.position + done, rows })
      done += rows
      room -= rows
    }
  }
  return chunks
}
