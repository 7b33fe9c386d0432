/** How far a packing run is: counted in the source's bytes, with the speed of the last seconds. It draws nothing. */

export interface PackProgress {
  readonly bytesDone: number
  readonly bytesTotal: number
  readonly tensorsDone: number
  readonly tensorsTotal: number
  /** The part being written. */
  readonly part: string
  /** Null until it can be told. */
  readonly bytesPerSecond: number | null
  readonly secondsLeft: number | null
}

const WINDOW_MS = 5_000

export interface ProgressMeter {
  enterPart(name: string): void
  addBytes(count: number): void
  addTensors(count: number): void
  /** What an earlier run did: it counts as done, not as speed. */
  skip(part: { readonly bytes: number; readonly tensors: number }): void
}

/** Counts a run; each change is told to `onProgress`. */
export function progressMeter(
  total: { bytes: number; tensors: number },
  nowMs: () => number,
  onProgress: (progress: PackProgress) => void,
): ProgressMeter {
  let part = ''
  let bytesDone = 0
  let tensorsDone = 0
  const samples: { atMs: number; bytes: number }[] = [{ atMs: nowMs(), bytes: 0 }]
  const tell = () => {
    const atMs = nowMs()
    samples.push({ atMs, bytes: bytesDone })
    while (samples.length > 2 && samples[1]!.atMs < atMs - WINDOW_MS) samples.shift()
    const first = samples[0]!
    const seconds = (atMs - first.atMs) / 1000
    const bytesPerSecond = seconds > 0 && bytesDone > first.bytes ? (bytesDone - first.bytes) / seconds : null
    const secondsLeft = bytesPerSecond === null ? null : (total.bytes - bytesDone) / bytesPerSecond
    onProgress({
      bytesDone,
      bytesTotal: total.bytes,
      tensorsDone,
      tensorsTotal: total.tensors,
      part,
      bytesPerSecond,
      secondsLeft,
    })
  }
  return {
    enterPart: name => {
      part = name
      tell()
    },
    addBytes: count => {
      bytesDone += count
      tell()
    },
    addTensors: count => {
      tensorsDone += count
      tell()
    },
    skip: ({ bytes, tensors }) => {
      bytesDone += bytes
      tensorsDone += tensors
      for (const sample of samples) sample.bytes += bytes
      tell()
    },
  }
}
