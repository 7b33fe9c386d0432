/** Shows a packing run: one line redrawn on a terminal, JSON lines for programs, a line a part elsewhere. It writes where it is told. */
import type { PackProgress } from './pack-progress.ts'

const BAR_WIDTH = 24
/** Draws at most ten times a second: a run has thousands of steps. */
const REDRAW_MS = 100

export interface DrawOptions {
  readonly json: boolean
  readonly isTerminal: boolean
  write(text: string): void
  readonly nowMs?: () => number
}

export interface ProgressDrawing {
  show(progress: PackProgress): void
  /** Leaves the cursor on a line of its own; may be called twice. */
  end(): void
}

export function drawProgress(options: DrawOptions): ProgressDrawing {
  const nowMs = options.nowMs ?? (() => performance.now())
  let drawnAtMs = Number.NEGATIVE_INFINITY
  let drawnPart = ''
  let isOpen = false
  return {
    show: progress => {
      const isPartNew = progress.part !== drawnPart
      const isLast = progress.bytesDone === progress.bytesTotal
      const isDue = isLast || nowMs() - drawnAtMs >= REDRAW_MS
      if (options.isTerminal && !options.json ? !isDue : !isPartNew && !(options.json && isDue)) return
      drawnAtMs = nowMs()
      drawnPart = progress.part
      if (options.json) options.write(`${JSON.stringify({ type: 'progress', ...progress })}\n`)
      else if (options.isTerminal) options.write(`\r\x1b[2K${progressLine(progress)}`)
      else options.write(`${progressLine(progress)}\n`)
      isOpen = options.isTerminal && !options.json
    },
    end: () => {
      if (isOpen) options.write('\n')
      isOpen = false
    },
  }
}

/** e.g. `[######..................]  25%  layer-3  tensors 30/120  120 of 480 MB  40.0 MB/s  9 s left`. */
export function progressLine(progress: PackProgress): string {
  const share = progress.bytesTotal === 0 ? 1 : progress.bytesDone / progress.bytesTotal
  const filled = Math.floor(share * BAR_WIDTH)
  const bar = `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}]`
  const speed = progress.bytesPerSecond === null ? '' : `  ${megabytes(progress.bytesPerSecond)} MB/s`
  const left = progress.secondsLeft === null ? '' : `  ${Math.ceil(progress.secondsLeft)} s left`
  const percent = `${Math.floor(share * 100)}%`.padStart(4)
  const tensors = `tensors ${progress.tensorsDone}/${progress.tensorsTotal}`
  return `${bar} ${percent}  ${progress.part}  ${tensors}  ${megabytes(progress.bytesDone)} of ${megabytes(progress.bytesTotal)} MB${speed}${left}`
}

function megabytes(bytes: number): string {
  const size = bytes / 1e6
  return size >= 100 ? size.toFixed(0) : size.toFixed(1)
}
