/**
 * What the page may know of the peer runtime, and what it may ask of it: one immutable snapshot and a list of commands. The
 * runtime lives in a worker; the page holds no protocol state.
 */
import type { ErrorData } from '@computepool/shared/errors'
import type { LayerRange } from '@computepool/shared/model'
import type { EngineKind } from '@computepool/shared/ports'
import type { Seat } from '@computepool/shared/wire'

export interface EngineProbe {
  readonly kind: EngineKind
  readonly device: string
  readonly isSoftware: boolean
  readonly msPerLayer: number
  readonly headMs: number
}

export interface PartProgress {
  readonly name: string
  readonly doneBytes: number
  readonly totalBytes: number
  readonly status: 'waiting' | 'downloading' | 'verifying' | 'stored'
  /** True where it was on this machine already. */
  readonly isCached: boolean
}

export interface HopFacts {
  readonly peer: string
  readonly isOpen: boolean
  readonly kind: 'loopback' | 'webrtc' | 'axl' | 'relay'
  readonly rttMs: number | null
}

export type TabStatus =
  | 'idle'
  | 'connecting'
  | 'probing'
  | 'waiting-for-slice'
  | 'downloading'
  | 'paused'
  | 'loading'
  | 'testing'
  | 'linking'
  | 'serving'
  | 'leaving'
  | 'failed'

export interface TabSnapshot {
  readonly status: TabStatus
  readonly peer: string | null
  readonly model: string | null
  readonly modelLayers: number | null
  readonly probes: readonly EngineProbe[]
  /** Which probe was chosen and why, in words. */
  readonly engineChoice: { readonly kind: EngineKind; readonly reason: string } | null
  readonly layers: LayerRange | null
  readonly seat: number | null
  readonly seats: readonly Seat[]
  readonly parts: readonly PartProgress[]
  readonly downloadBytesPerSecond: number | null
  readonly links: readonly HopFacts[]
  readonly requests: number
  readonly tokensServed: number
  /** Over the last seconds of work; null when idle. */
  readonly tokensPerSecond: number | null
  readonly computeMs: number | null
  readonly hopMs: number | null
  readonly weightsBytes: number
  readonly kvBytes: number
  readonly memoryBudgetBytes: number
  readonly error: ErrorData | null
}

export interface JoinOptions {
  readonly memoryBudgetBytes: number
  /** Forces an engine; null lets the measurement choose. */
  readonly engine: EngineKind | null
}

/** What the page may ask; each returns at once, and the snapshot tells what became of it. */
export interface TabCommands {
  join(options: JoinOptions): void
  pauseDownload(): void
  resumeDownload(): void
  leave(): void
}

/** The one external store of a tab (for React's `useSyncExternalStore`). */
export interface TabStore extends TabCommands {
  getSnapshot(): TabSnapshot
  subscribe(listener: () => void): () => void
}
