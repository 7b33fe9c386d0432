/**
 * What the orchestrator knows of its swarm: who is here, what each measured, which coalition holds the model. Written only by
 * `apply`; read by `plan` and by the page's view. It holds no sockets, no timers and no requests.
 */
import type { ErrorData } from '../errors/index.ts'
import type { LinkKind } from '../ports/index.ts'
import type { Capability, LinkRoute, PeerRole, Reach, Seat } from '../wire/control-messages.ts'
import type { PlacementModel } from './plan-placement.ts'
import type { LinkMeasure } from './plan-routes.ts'

export interface SwarmConfig {
  readonly model: string
  readonly placement: PlacementModel
  /** Fewest seats of a coalition, so that a split can be asked for where one tab would do. */
  readonly minSeats: number
  readonly maxSeats: number
  readonly hopMs: number
  /** Round trip of each kind of link, taken where nobody measured it yet. */
  readonly usualRttMs: Readonly<Record<LinkKind, number>>
  /** One frame of decoding: what a hop carries. */
  readonly activationBytes: number
  readonly lapTolerance: number
  readonly maxContext: number
  /** Full-context caches that a seat may hold side by side, where its memory allows. */
  readonly maxCaches: number
  /** The first assignment's epoch; grows across restarts, so that a tab that outlived one does not take it for an old one. */
  readonly firstEpoch: number
  /** A seat that gets no further for so long while it loads gives up its place. */
  readonly loadStallMs: number
  /** Links that are not open so long after the last slice was ready break the coalition. */
  readonly linkStallMs: number
}

export type PeerPhase = 'joined' | 'offered' | 'measured' | 'assigned' | 'downloading' | 'loading' | 'testing' | 'ready'

export interface PeerStats {
  readonly stepMs: number | null
  readonly weightsBytes: number
  readonly kvBytes: number
  readonly tokensServed: number
  readonly isHidden: boolean
}

export interface SwarmPeer {
  readonly peer: string
  /** Null until `peer-joined`. */
  readonly version: number | null
  readonly role: PeerRole
  readonly reach: Reach
  /** `asked`: it wants to go, and takes nothing new. `released`: it holds nothing any more, and was told so. */
  readonly draining: 'no' | 'asked' | 'released'
  readonly phase: PeerPhase
  readonly capability: Capability | null
  /** Of the slice it was last assigned. */
  readonly doneBytes: number
  readonly totalBytes: number
  readonly kvBudgetBytes: number | null
  readonly maxContext: number | null
  /** True while it holds a slice that no living coalition asks for. */
  readonly isHolding: boolean
  readonly isRefused: boolean
  /** When it last got further with its slice. */
  readonly progressedAtMs: number
  readonly stats: PeerStats | null
}

export interface LinkReport {
  readonly kind: LinkKind
  readonly isOpen: boolean
  readonly rttMs: number | null
  readonly bytesPerSecond: number | null
}

/** A relay's work for a coalition. */
export interface CoalitionRelay {
  readonly relay: string
  /** Whom it serves, and the key of the daemon by which it reaches each; null: by a data channel. */
  readonly members: ReadonlyArray<{ readonly peer: string; readonly axl: string | null }>
  /** What it said last that it passed on and refused, by member. */
  readonly traffic: Readonly<Record<string, { readonly forwardedBytes: number; readonly refusedBytes: number }>>
}

export interface Coalition {
  readonly id: string
  readonly epoch: number
  readonly seats: readonly Seat[]
  /** Of each seat, in the order of `seats`, as it was told. */
  readonly routes: ReadonlyArray<readonly LinkRoute[]>
  /** Those that its routes name and that are still here. */
  readonly relays: readonly CoalitionRelay[]
  readonly status: 'forming' | 'ready' | 'lost'
  /** What each seat said of its links: reports[from][to]. */
  readonly reports: Readonly<Record<string, Readonly<Record<string, LinkReport>>>>
  /** Since when it has been as it is; the deadline of the links counts from here. */
  readonly sinceMs: number
  /** Why it was lost. */
  readonly lostBy: ErrorData | null
}

/** What a wallet's peers cost the pool of late: new ids are free, wallets that wait are not. */
export interface WalletWait {
  readonly refusals: number
  readonly untilMs: number
}

export interface SwarmState {
  readonly config: SwarmConfig
  /** Of the latest event that told the time. */
  readonly nowMs: number
  readonly nextEpoch: number
  readonly peers: Readonly<Record<string, SwarmPeer>>
  readonly coalition: Coalition | null
  /** The seats of the last coalition: a re-plan keeps them where it can. */
  readonly previousSeats: readonly Seat[]
  /** Peers that may hold no slice of this model, and why. Kept after they left. */
  readonly bans: Readonly<Record<string, ErrorData>>
  /** By address, the latest refusal last: no peer of these wallets gets a slice before its time. */
  readonly waits: Readonly<Record<string, WalletWait>>
  /** Links as last measured, by kind, under "a|b" with a < b. */
  readonly measures: Readonly<Record<string, Readonly<Partial<Record<LinkKind, LinkMeasure>>>>>
  /** Pairs whose link did not open, and by which ways it was tried. */
  readonly failedPaths: Readonly<Record<string, string>>
}

/** A swarm in which nobody is. */
export function emptySwarm(config: SwarmConfig): SwarmState {
  return {
    config,
    nowMs: 0,
    nextEpoch: config.firstEpoch,
    peers: {},
    coalition: null,
    previousSeats: [],
    bans: {},
    waits: {},
    measures: {},
    failedPaths: {},
  }
}

export const pairKey = (a: string, b: string): string => (a < b ? `${a}|${b}` : `${b}|${a}`)
