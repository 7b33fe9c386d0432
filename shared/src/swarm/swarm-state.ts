/**
 * What the orchestrator knows of its swarm: who is here, what each measured, which coalition holds the model. Written only by
 * `apply`; read by `plan` and by the page's view. It holds no sockets, no timers and no requests.
 */
import type { ErrorData } from '../errors/index.ts'
import type { Capability, Seat } from '../wire/control-messages.ts'
import type { PlacementModel } from './plan-placement.ts'

export interface SwarmConfig {
  readonly model: string
  readonly placement: PlacementModel
  /** Fewest seats of a coalition, so that a split can be asked for where one tab would do. */
  readonly minSeats: number
  readonly maxSeats: number
  readonly hopMs: number
  /** Taken for a link that nobody measured yet. */
  readonly unknownRttMs: number
  readonly lapTolerance: number
  readonly maxContext: number
  /** Full-context caches that a seat may hold side by side, where its memory allows. */
  readonly maxCaches: number
  /** The first assignment's epoch; grows across restarts, so that a tab that outlived one does not take it for an old one. */
  readonly firstEpoch: number
  /** A seat that says nothing for so long while it loads gives up its place. */
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
  readonly heardAtMs: number
  readonly stats: PeerStats | null
}

export interface LinkReport {
  readonly kind: 'loopback' | 'webrtc' | 'axl' | 'relay'
  readonly isOpen: boolean
  readonly rttMs: number | null
}

export interface Coalition {
  readonly id: string
  readonly epoch: number
  readonly seats: readonly Seat[]
  readonly status: 'forming' | 'ready' | 'lost'
  /** What each seat said of its links: reports[from][to]. */
  readonly reports: Readonly<Record<string, Readonly<Record<string, LinkReport>>>>
  /** Since when it has been as it is; the deadline of the links counts from here. */
  readonly sinceMs: number
  /** Why it was lost. */
  readonly lostBy: ErrorData | null
}

export interface SwarmState {
  readonly config: SwarmConfig
  readonly nextEpoch: number
  readonly peers: Readonly<Record<string, SwarmPeer>>
  readonly coalition: Coalition | null
  /** The seats of the last coalition: a re-plan keeps them where it can. */
  readonly previousSeats: readonly Seat[]
  /** Peers that may hold no slice of this model, and why. Kept after they left. */
  readonly bans: Readonly<Record<string, ErrorData>>
  /** Round trips as last measured, under "a|b" with a < b. */
  readonly rttMs: Readonly<Record<string, number>>
}

/** A swarm in which nobody is. */
export function emptySwarm(config: SwarmConfig): SwarmState {
  return {
    config,
    nextEpoch: config.firstEpoch,
    peers: {},
    coalition: null,
    previousSeats: [],
    bans: {},
    rttMs: {},
  }
}

export const pairKey = (a: string, b: string): string => (a < b ? `${a}|${b}` : `${b}|${a}`)

/** The links that a ring needs: each seat to the next, the exit to the entry; none for one seat. */
export function neededLinks(seats: readonly Seat[]): Array<readonly [string, string]> {
  if (seats.length < 2) return []
  return seats.map((seat, index) => [seat.peer, seats[(index + 1) % seats.length]!.peer] as const)
}

/** True where both ends said that the link is open. */
export function isLinkOpen(coalition: Coalition, a: string, b: string): boolean {
  return coalition.reports[a]?.[b]?.isOpen === true && coalition.reports[b]?.[a]?.isOpen === true
}
