/**
 * The parts of a slice, at most two at once, with progress per part and speed; can be paused. Gives the engine a source of verified
 * parts. It knows no engine and no assignment.
 */
import type { PackPart, PackPlaces } from '@computepool/shared/model'
import type { Clock, PartSource } from '@computepool/shared/ports'
import type { PartProgress } from '../runtime/peer-snapshot.ts'
import { sourcesOf } from './artifact-sources.ts'
import type { VerifiedStore } from './verified-store.ts'

const partsAtOnce = 2
/** Speed is measured over this window. */
const windowMs = 4000

export interface SliceDownloadOptions {
  readonly store: VerifiedStore
  /** Ends with a slash. */
  readonly packUrl: string
  /** Where else the pack is; null: nowhere. */
  readonly places: PackPlaces | null
  readonly parts: readonly PackPart[]
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly onChange: (progress: SliceProgress) => void
}

export interface SliceProgress {
  readonly parts: readonly PartProgress[]
  readonly doneBytes: number
  readonly totalBytes: number
  /** Null before the first second. */
  readonly bytesPerSecond: number | null
  readonly isPaused: boolean
}

export interface SliceDownload {
  /** Settles when all parts are verified. Errors: `artifact_*`, or the signal's reason. */
  readonly finished: Promise<PartSource>
  pause(): void
  resume(): void
}

class Paused extends Error {}

export function downloadSlice(options: SliceDownloadOptions): SliceDownload {
  const { store, packUrl, places, parts, clock, signal, onChange } = options
  const progress: PartProgress[] = parts.map(part => ({
    name: part.name,
    doneBytes: 0,
    totalBytes: part.sizeBytes,
    status: 'waiting',
    isCached: false,
  }))
  const totalBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0)
  const arrivals: { atMs: number; bytes: number }[] = []
  let isPaused = false
  let attempt = linkedController(signal)
  let wake: () => void = () => {}

  function update(index: number, change: Partial<PartProgress>): void {
    const before = progress[index]!
    progress[index] = { ...before, ...change }
    tell()
  }

  function tell(): void {
    const doneBytes = progress.reduce((sum, part) => sum + part.doneBytes, 0)
    onChange({ parts: [...progress], doneBytes, totalBytes, bytesPerSecond: speed(), isPaused })
  }

  function speed(): number | null {
    const nowMs = clock.monotonicMs()
    while (arrivals.length > 0 && arrivals[0]!.atMs < nowMs - windowMs) arrivals.shift()
    const spanMs = nowMs - (arrivals[0]?.atMs ?? nowMs)
    return spanMs < 200 ? null : (arrivals.reduce((sum, arrival) => sum + arrival.bytes, 0) * 1000) / spanMs
  }

  async function obtainPart(index: number): Promise<void> {
    const part = parts[index]!
    for (;;) {
      const controller = attempt
      let known = 0
      try {
        const { isCached } = await store.obtain(part, {
          sources: sourcesOf(part, packUrl, places),
          signal: controller.signal,
          onVerifying: () => update(index, { status: 'verifying' }),
          onProgress: doneBytes => {
            // The first call tells what an earlier attempt left; only what comes after it arrived now.
            if (known > 0 && doneBytes > known) arrivals.push({ atMs: clock.monotonicMs(), bytes: doneBytes - known })
            known = Math.max(1, doneBytes)
            update(index, { doneBytes, status: 'downloading' })
          },
        })
        return update(index, { doneBytes: part.sizeBytes, status: 'stored', isCached })
      } catch (thrown) {
        if (!(controller.signal.reason instanceof Paused)) throw thrown
        signal.throwIfAborted()
        while (isPaused) await new Promise<void>(resolve => addWaker(resolve))
        signal.throwIfAborted()
      }
    }
  }

  function addWaker(resolve: () => void): void {
    const before = wake
    wake = () => {
      before()
      resolve()
    }
  }
  signal.addEventListener('abort', () => {
    isPaused = false
    wake()
  })

  async function run(): Promise<PartSource> {
    let next = 0
    async function work(): Promise<void> {
      while (next < parts.length) {
        const index = next
        next += 1
        await obtainPart(index)
      }
    }
    const workers = Array.from({ length: partsAtOnce }, work)
    try {
      await Promise.all(workers)
    } catch (thrown) {
      attempt.abort(thrown)
      await Promise.allSettled(workers)
      throw thrown
    }
    return { open: part => store.open(part) }
  }

  tell()
  return {
    finished: run(),
    pause() {
      if (isPaused || signal.aborted) return
      isPaused = true
      attempt.abort(new Paused('The download was paused.'))
      tell()
    },
    resume() {
      if (!isPaused) return
      isPaused = false
      attempt = linkedController(signal)
      arrivals.length = 0
      const wakeAll = wake
      wake = () => {}
      wakeAll()
      tell()
    },
  }
}

function linkedController(outer: AbortSignal): AbortController {
  const controller = new AbortController()
  if (outer.aborted) controller.abort(outer.reason)
  else outer.addEventListener('abort', () => controller.abort(outer.reason), { once: true })
  return controller
}
