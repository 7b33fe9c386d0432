/** What a page, or a status line, may know of the peer runtime: one immutable snapshot. Whoever shows it holds no protocol state. */
import type { ErrorData } from '@computepool/shared/errors'
import type { LayerRange } from '@computepool/shared/model'
import type { EngineKind } from '@computepool/shared/ports'
import type { DeskCommand, Seat } from '@computepool/shared/wire'

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
  readonly bytesPerSecond: number | null
}

/** How the operator's stake stands, as the desk told last. */
export type StakeFacts = Omit<Extract<DeskCommand, { type: 'stake-told' }>, 'type'>
/** What the pool thinks of the operator, and the last changes with their reasons, newest first. */
export type StandingFacts = Omit<Extract<DeskCommand, { type: 'standing-told' }>, 'type'>

export type PeerStatus =
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
  /** Loaded, linked, and without a seat: it takes over when one falls vacant. */
  | 'standing-by'
  | 'leaving'
  | 'failed'

export interface PeerSnapshot {
  readonly status: PeerStatus
  /** It takes no new work and goes when what runs is finished. */
  readonly isDraining: boolean
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
  /** Part of `kvBytes`: caches of answers that are over, kept for a next turn while there is room. */
  readonly keptBytes: number
  readonly memoryBudgetBytes: number
  /** Null before the desk told. */
  readonly stake: StakeFacts | null
  readonly standing: StandingFacts | null
  readonly error: ErrorData | null
}

export interface JoinOptions {
  readonly memoryBudgetBytes: number
  /** Forces an engine; null lets the measurement choose. */
  readonly engine: EngineKind | null
  /** `auditor`: holds slices to compute others' work again, and never a seat. `operator` unless told otherwise. */
  readonly role?: 'operator' | 'auditor'
  /** What its key may sign away as stakes at most, for one and within a day, in atomic USDC; absent: the runtime's own limit. 0: none. */
  readonly mostStakeAtomic?: bigint
}
