/** From an assignment to an engine that proved itself: download, load, self-test. It knows neither links nor requests. */
import { type FileRef, type LayerRange, type Manifest, type PackPlaces, partsFor } from '@computepool/shared/model'
import type { Engine, EngineKind } from '@computepool/shared/ports'
import type { DeskRequest } from '@computepool/shared/wire'
import { wholeAt } from '../artifacts/artifact-sources.ts'
import { downloadSlice, type SliceDownload } from '../artifacts/download-slice.ts'
import type { VerifiedStore } from '../artifacts/verified-store.ts'
import type { Assignment, PeerPowers } from './peer-powers.ts'
import type { SnapshotBox } from './snapshot-box.ts'

export type LoadProgress = Pick<
  Extract<DeskRequest, { type: 'slice-progressed' }>,
  'phase' | 'doneBytes' | 'totalBytes'
>

export interface SliceLoadOptions {
  readonly powers: PeerPowers
  readonly packUrl: string
  readonly places: PackPlaces | null
  readonly manifest: Manifest
  readonly engineKind: EngineKind
  readonly store: VerifiedStore
  readonly box: SnapshotBox
  readonly assignment: Pick<Assignment, 'kvBudgetBytes' | 'maxContext'>
  readonly layers: LayerRange
  readonly signal: AbortSignal
  /** Called as a phase begins: the desk gives up on a tab that says nothing, and a load can block this thread for long. */
  readonly onPhase: () => void
}

export interface SliceLoad {
  /** Errors: `artifact_*`, `engine_*`, or the signal's reason; no engine is left behind then. */
  readonly finished: Promise<Engine>
  progress(): LoadProgress
  pause(): void
  resume(): void
}

export function loadSlice(options: SliceLoadOptions): SliceLoad {
  const { powers, packUrl, places, manifest, engineKind, store, box, assignment, layers, signal, onPhase } = options
  const parts = partsFor(manifest, layers)
  const totalBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0)
  let progress: LoadProgress = { phase: 'downloading', doneBytes: 0, totalBytes }

  const download: SliceDownload = downloadSlice({
    store,
    packUrl,
    places,
    parts,
    clock: powers.clock,
    signal,
    onChange(now) {
      if (signal.aborted) return
      progress = { phase: 'downloading', doneBytes: now.doneBytes, totalBytes }
      const status = now.isPaused ? 'paused' : 'downloading'
      box.set({ status, parts: now.parts, downloadBytesPerSecond: now.bytesPerSecond })
    },
  })

  function enter(phase: 'loading' | 'testing'): void {
    signal.throwIfAborted()
    progress = { phase, doneBytes: 0, totalBytes }
    box.set({ status: phase, downloadBytesPerSecond: null })
    onPhase()
  }

  async function readFile(file: FileRef): Promise<Uint8Array> {
    await store.obtain(file, { sources: [wholeAt(new URL(file.path, packUrl).href, file)], signal })
    const reader = await store.open(file)
    try {
      return await reader.read(0, file.sizeBytes)
    } finally {
      await reader.close()
    }
  }

  async function run(): Promise<Engine> {
    const source = await download.finished
    enter('loading')
    const engine = await powers.openEngine(engineKind, {
      manifest,
      layers,
      parts: source,
      kvBudgetBytes: assignment.kvBudgetBytes,
      maxContext: assignment.maxContext,
      onProgress: (doneBytes, loadBytes) => {
        progress = { phase: 'loading', doneBytes: Math.round(doneBytes), totalBytes: Math.round(loadBytes) }
      },
    })
    try {
      enter('testing')
      await powers.selfTest({ engine, manifest, layers, readFile })
      signal.throwIfAborted()
      return engine
    } catch (thrown) {
      await engine.close()
      throw thrown
    }
  }

  return {
    finished: run(),
    progress: () => progress,
    pause: () => download.pause(),
    resume: () => download.resume(),
  }
}
