/**
 * What the orchestrator knows of its swarm: who is here, what each measured, which coalition holds the model. Written only by
 * `apply`; read by `plan` and by the page's view. It holds no sockets, no timers and no requests.
 */
import type { ErrorData } from '../errors/index.ts'
import type { LayerRange, Manifest } from '../model/index.ts'
import type { LinkKind } from '../ports/index.ts'
import type { Capability, LinkRoute, PeerRole, Reach, Seat } from '../wire/control-messages.ts'
import type { PlacementModel } from './plan-placement.ts'
import type { LinkMeasure } from './plan-routes.ts'

export interface SwarmConfig {
  readonly model: string
  /** Of its weights: what was measured of engines hangs on it. */
  readonly quantisation: Manifest['quantisation']
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
  /** A link that a ready ring needs and that closed has so long to open again; then the ring is planned anew. */
  readonly linkReturnMs: number
  /** So long a seat whose connection vanished may come back before requests that wait for it are given up. */
  readonly returnGraceMs: number
  /** A ring is planned anew for speed's sake after so long at the earliest. */
  readonly replanMs: number
  /** Coalitions side by side. */
  readonly maxRings: number
  /** Standbys of one coalition. */
  readonly maxStandbys: number
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
  /** When it first asked to go; null: it did not. */
  readonly askedToGoAtMs: number | null
  readonly phase: PeerPhase
  readonly capability: Capability | null
  /** Of the slice it was last assigned. */
  readonly doneBytes: number
  readonly totalBytes: number
  readonly kvBudgetBytes: number | null
  readonly maxContext: number | null
  /** True from its first assignment until it was told to drop what it holds. */
  readonly isHolding: boolean
  /** Layers that are loaded, as it said itself: ready for a seat or as a standby, or since before a break. */
  readonly held: LayerRange | null
  readonly isRefused: boolean
  /** When it last said anything. */
  readonly heardAtMs: number
  /** It broke a ring by saying nothing more: it gets no slice before it speaks again. */
  readonly isSilent: boolean
  /** When it last got further with its slice. */
  readonly progressedAtMs: number
  readonly stats: PeerStats | null
  /** As placement takes it: what `stats` have said for some seconds. */
  readonly isHidden: boolean
  /** Since when `stats` say otherwise; null: they do not. */
  readonly turnedAtMs: number | null
  readonly speed: LearnedSpeed
}

/** Milliseconds of one layer as measured at work, smoothed; null before there was work. A hidden tab is another machine. */
export interface LearnedSpeed {
  readonly visibleMs: number | null
  readonly hiddenMs: number | null
}

export interface LinkReport {
  readonly kind: LinkKind
  readonly isOpen: boolean
  readonly rttMs: number | null
  readonly bytesPerSecond: number | null
}

/** Of a pair, under "a|b" with a < b. */
export interface LinkTrouble {
  readonly pair: string
  readonly atMs: number
}

/** A relay's work for a coalition. */
export interface CoalitionRelay {
  readonly relay: string
  /** Whom it serves, and the key of the daemon by which it reaches each; null: by a data channel. */
  readonly members: ReadonlyArray<{ readonly peer: string; readonly axl: string | null }>
  /** What it said last that it passed on and refused, by member. */
  readonly traffic: Readonly<Record<string, { readonly forwardedBytes: number; readonly refusedBytes: number }>>
}

/** A peer that holds, or loads, what it would compute if a seat fell vacant, or when the ring is planned anew. */
export interface Standby {
  readonly peer: string
  /** The seat that it can take over; null: it loads for the ring's successor. */
  readonly seat: number | null
  readonly layers: LayerRange
  /** Its ways to the seats; the seats have the same ones back. */
  readonly routes: readonly LinkRoute[]
}

export interface Coalition {
  readonly id: string
  readonly epoch: number
  readonly seats: readonly Seat[]
  /** Of each seat, in the order of `seats`, as it was told. */
  readonly routes: ReadonlyArray<readonly LinkRoute[]>
  /** Those that its routes name and that are still here. */
  readonly relays: readonly CoalitionRelay[]
  readonly standbys: readonly Standby[]
  /** As it was planned. */
  readonly lapMs: number
  /** True once it was ready. */
  readonly hasServed: boolean
  /** The seats that replace its own at a request's end, once those that are new have loaded; null: it stays as it is. */
  readonly successor: readonly Seat[] | null
  readonly status: 'forming' | 'ready' | 'lost'
  /** What each seat said of its links: reports[from][to]. */
  readonly reports: Readonly<Record<string, Readonly<Record<string, LinkReport>>>>
  /** When links that it needs closed under it, within the last minute, under "a|b" with a < b. */
  readonly closings: readonly LinkTrouble[]
  /** Since when it has been as it is; the deadline of the links counts from here. */
  readonly sinceMs: number
  /** Why it was lost. */
  readonly lostBy: ErrorData | null
}

/** A seat whose connection ended without a word. */
export interface Vanished {
  readonly peer: string
  readonly layers: LayerRange
  readonly atMs: number
  /** True where it was given its seat back since: that happens once until its ring has served again. */
  readonly isReturned: boolean
}

/** What a wallet's peers cost the pool of late: new ids are free, wallets that wait are not. */
export interface WalletWait {
  readonly refusals: number
  readonly untilMs: number
}

/** What placement knows of a wallet's standing. */
export interface WalletStanding {
  /** 0: it gets no part in anything. */
  readonly weight: number
  readonly mayHoldText: boolean
}

/** Two wallets whose receipts did not meet as neighbours', under "a|b" with a < b. */
export interface Quarrel {
  readonly pair: string
  readonly atMs: number
}

export interface SwarmState {
  readonly config: SwarmConfig
  /** Of the latest event that told the time. */
  readonly nowMs: number
  /** True where only what peers tell every second has changed since `plan` last looked: that waits for time to pass. */
  readonly isLookDue: boolean
  readonly nextEpoch: number
  readonly peers: Readonly<Record<string, SwarmPeer>>
  /** The oldest first. */
  readonly coalitions: readonly Coalition[]
  /** The seats of those that are no more, the latest last: a re-plan keeps them where it can. */
  readonly previous: ReadonlyArray<readonly Seat[]>
  /** The seats for which a ring was drained: they are formed next, before what is loaded; null: none. */
  readonly wanted: readonly Seat[] | null
  /** The latest last. */
  readonly vanished: readonly Vanished[]
  /** When the first peer came that holds layers already, while no coalition stood: others will follow. */
  readonly returningSinceMs: number | null
  /** Peers that may hold no slice of this model, and why. Kept after they left. */
  readonly bans: Readonly<Record<string, ErrorData>>
  /** By address, the latest refusal last: no peer of these wallets gets a slice before its time. */
  readonly waits: Readonly<Record<string, WalletWait>>
  /** By wallet, the one told last is last; absent: a newcomer's. Kept after its peers left. */
  readonly standings: Readonly<Record<string, WalletStanding>>
  /** The latest last. */
  readonly quarrels: readonly Quarrel[]
  /** Links as last measured, by kind, under "a|b" with a < b. */
  readonly measures: Readonly<Record<string, Readonly<Partial<Record<LinkKind, LinkMeasure>>>>>
  /** When a ring was last given up whose peers could not link; null: never. */
  readonly unlinkedAtMs: number | null
  /** Pairs whose link did not open, and by which ways it was tried. */
  readonly failedPaths: Readonly<Record<string, string>>
  /** Pairs whose link closed so often that a ring was given up for it, the latest last. */
  readonly worn: readonly LinkTrouble[]
}

/** A swarm in which nobody is. */
export function emptySwarm(config: SwarmConfig): SwarmState {
  return {
    config,
    nowMs: 0,
    isLookDue: false,
    nextEpoch: config.firstEpoch,
    peers: {},
    coalitions: [],
    previous: [],
    wanted: null,
    vanished: [],
    returningSinceMs: null,
    bans: {},
    waits: {},
    standings: {},
    quarrels: [],
    measures: {},
    unlinkedAtMs: null,
    failedPaths: {},
    worn: [],
  }
}

export const pairKey = (a: string, b: string): string => (a < b ? `${a}|${b}` : `${b}|${a}`)
