/**
 * A swarm's links as placement sees them: which paths two peers have now, what a frame between them costs, which relays a set of seats
 * needs. Read from the state; it writes nothing.
 */
import type { LinkKind } from '../ports/index.ts'
import type { LinkPath, LinkRoute, Seat } from '../wire/control-messages.ts'
import { isMadeToWait } from './bans.ts'
import { isRelayInUse } from './coalition-links.ts'
import { livingCoalitions } from './coalitions.ts'
import { pickRelays } from './pick-relays.ts'
import { expectHop, planPaths, preferredKind, type ReachablePeer, relayKey } from './plan-routes.ts'
import { type CoalitionRelay, pairKey, type SwarmPeer, type SwarmState } from './swarm-state.ts'
import { isBarredHere } from './weights.ts'

/** A pair that could not link is planned around, as if it were this far apart. */
const unreachableMs = 30_000
/**
 * Open relays that routes are planned with: those that have been here longest, so that newcomers with ids of their choice do not
 * displace them; more than a coalition may have, for some reach nobody who needs one.
 */
const mostOpen = 64
/** Paths that failed between two peers, remembered; the oldest are forgotten. */
const mostFailed = 64

/**
 * Relays that take work now for a ring of `seats`. A relay works for one coalition: those that the other rings need are not open to it,
 * those that they only keep as a spare are.
 */
export function openRelays(state: SwarmState, seats: readonly string[] = []): SwarmPeer[] {
  const others = livingCoalitions(state).filter(ring => !ring.seats.some(({ peer }) => seats.includes(peer)))
  const isTaken = (relay: string): boolean =>
    others.some(ring => ring.relays.some(other => other.relay === relay) && isRelayInUse(ring, relay))
  return Object.values(state.peers)
    .filter(peer => peer.role === 'relay' && isWelcome(state, peer) && peer.draining === 'no' && !isTaken(peer.peer))
    .slice(0, mostOpen)
}

/** Nothing speaks against it so far. */
export function isWelcome(state: SwarmState, { peer, isRefused }: SwarmPeer): boolean {
  return !isRefused && state.bans[peer] === undefined && !isBarredHere(state, peer)
}

/** True of an operator that may be given a slice now; relays have no capability. */
export function isPlaceable(state: SwarmState, peer: SwarmPeer): boolean {
  if (peer.capability === null || peer.draining !== 'no' || peer.isSilent) return false
  return isWelcome(state, peer) && !isMadeToWait(state, peer.peer)
}

export interface LinkPlanner {
  /** From one to the other, the preferred path first; empty where there is none. */
  pathsBetween(from: string, to: string): LinkPath[]
  /** Expected time of one decode activation, one way, by the preferred path; infinite where there is none. Symmetric. */
  hopMs(a: string, b: string): number
}

/** Answers for one state, with these relays, or those that are open to each pair; remembers what it worked out. */
export function planLinks(state: SwarmState, only: readonly ReachablePeer[] | null = null): LinkPlanner {
  const { usualRttMs, activationBytes } = state.config
  const relaysOf = openToPairs(state, only)
  const costs = new Map<string, number>()
  const expectFor = (pair: string) => (kind: LinkKind) =>
    expectHop(state.measures[pair]?.[kind], usualRttMs[kind], activationBytes)
  const pathsBetween = (from: string, to: string): LinkPath[] => {
    const [a, b] = [state.peers[from], state.peers[to]]
    if (a === undefined || b === undefined) return []
    const pair = pairKey(from, to)
    const failed = new Set(state.failedPaths[pair]?.split(' '))
    return planPaths(a, b, { relays: relaysOf(from, to), failed, expect: expectFor(pair) })
  }
  const costOf = (pair: string, from: string, to: string): number => {
    const expect = expectFor(pair)
    const [a, b] = [state.peers[from], state.peers[to]]
    const kind = a === undefined || b === undefined ? null : preferredKind(a, b, { relays: relaysOf(from, to), expect })
    if (kind === null) return Number.POSITIVE_INFINITY
    const failed = state.failedPaths[pair]
    // A way that was not tried yet deserves a fresh try.
    if (failed !== undefined && isTried(failed, pathsBetween(from, to))) return unreachableMs
    return expect(kind).ms
  }
  return {
    pathsBetween,
    hopMs(a, b) {
      const pair = pairKey(a, b)
      let cost = costs.get(pair)
      if (cost === undefined) {
        const [first, second] = a < b ? [a, b] : [b, a]
        cost = costOf(pair, first, second)
        costs.set(pair, cost)
      }
      return cost
    },
  }
}

/** Only those that sit in a ring have its relays beside the ones that are free. */
function openToPairs(state: SwarmState, only: readonly ReachablePeer[] | null) {
  const ringOf = new Map(livingCoalitions(state).flatMap(({ epoch, seats }) => seats.map(({ peer }) => [peer, epoch])))
  const known = new Map<string, readonly ReachablePeer[]>()
  return (from: string, to: string): readonly ReachablePeer[] => {
    if (only !== null) return only
    const rings = `${ringOf.get(from)} ${ringOf.get(to)}`
    const relays = known.get(rings) ?? openRelays(state, [from, to])
    known.set(rings, relays)
    return relays
  }
}

const nameOf = (path: LinkPath): string => (path.kind === 'relay' ? path.via : path.kind)

const isTried = (failed: string, paths: readonly LinkPath[]): boolean => {
  const tried = new Set(failed.split(' '))
  return paths.every(path => tried.has(nameOf(path)))
}

/** What was tried in vain before, and `paths`, which are the same for both directions of a pair. */
export function withFailed(failed: string | undefined, paths: readonly LinkPath[]): string {
  return [...new Set([...(failed?.split(' ') ?? []), ...paths.map(nameOf)])].slice(-mostFailed).join(' ')
}

/** For each seat its routes to all others that it can reach, and the relays that these routes name. */
export function routeSeats(
  state: SwarmState,
  seats: readonly Seat[],
): { readonly routes: LinkRoute[][]; readonly relays: CoalitionRelay[] } {
  const open = openRelays(
    state,
    seats.map(({ peer }) => peer),
  )
  const { pathsBetween } = planLinks(state, pickRelays(state, seats, open))
  const served = new Map<string, Set<string>>()
  const routes = seats.map(from =>
    seats.flatMap(({ peer }): LinkRoute[] => {
      const paths = peer === from.peer ? [] : pathsBetween(from.peer, peer)
      for (const path of paths) {
        if (path.kind !== 'relay') continue
        const members = served.get(path.via) ?? new Set()
        served.set(path.via, members.add(from.peer))
      }
      return paths.length === 0 ? [] : [{ peer, paths }]
    }),
  )
  const relays = [...served].map(([relay, members]) => ({
    relay,
    members: [...members].map(peer => {
      const isByChannel = relayKey(state.peers[peer]!, state.peers[relay]!)?.key === null
      return { peer, axl: isByChannel ? null : state.peers[peer]!.reach.axl }
    }),
    traffic: {},
  }))
  return { routes, relays }
}
