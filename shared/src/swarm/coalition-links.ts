/** A coalition's links: which its ring needs, which are open, which hang on one relay. Read only. */
import type { LinkPath, Seat } from '../wire/control-messages.ts'
import { isSameRange } from './coalitions.ts'
import type { Coalition, SwarmState } from './swarm-state.ts'

/** The links that a ring needs: each seat to the next, the exit to the entry; none for one seat. */
export function neededLinks(seats: readonly Seat[]): Array<readonly [string, string]> {
  if (seats.length < 2) return []
  return seats.map((seat, index) => [seat.peer, seats[(index + 1) % seats.length]!.peer] as const)
}

/** True where both ends said that the link is open. */
export function isLinkOpen(coalition: Coalition, a: string, b: string): boolean {
  return coalition.reports[a]?.[b]?.isOpen === true && coalition.reports[b]?.[a]?.isOpen === true
}

/** Two neighbours of the ring with no way to each other but through `relay`; null where it can be done without. */
export function pairOnRelay(coalition: Coalition, relay: string): readonly [string, string] | null {
  return neededLinks(coalition.seats).find(([from, to]) => isOnly(relay, livePaths(coalition, from, to))) ?? null
}

/** True where a link of the ring goes through `relay` now, or can go no other way: what runs would suffer if it went. */
export function isRelayInUse(coalition: Coalition, relay: string): boolean {
  const carries = ([from, to]: readonly [string, string]): boolean => {
    const ends = [coalition.reports[from]?.[to], coalition.reports[to]?.[from]]
    const relayed = livePaths(coalition, from, to).filter(path => path.kind === 'relay')
    return ends.some(report => report?.isOpen === true && report.kind === 'relay') && isOnly(relay, relayed)
  }
  return pairOnRelay(coalition, relay) !== null || neededLinks(coalition.seats).some(carries)
}

const isOnly = (relay: string, paths: readonly LinkPath[]): boolean =>
  paths.length > 0 && paths.every(path => path.kind === 'relay' && path.via === relay)

/** The paths that a seat was told of, without those whose relay is gone. */
function livePaths(coalition: Coalition, from: string, to: string): readonly LinkPath[] {
  const index = coalition.seats.findIndex(seat => seat.peer === from)
  const paths = coalition.routes[index]?.find(route => route.peer === to)?.paths ?? []
  const isHere = (via: string): boolean => coalition.relays.some(({ relay }) => relay === via)
  return paths.filter(path => path.kind !== 'relay' || isHere(path.via))
}

/** True where the ring takes no new work: a seat, or a relay that it uses, wants to go, or a faster ring is loaded. */
export const isRingDraining = (state: SwarmState, coalition: Coalition): boolean =>
  leavingPeer(state, coalition) !== null || isRetiring(state, coalition)

/** True where it makes room for a faster ring that is loaded. */
export const isRetiring = (state: SwarmState, coalition: Coalition): boolean =>
  coalition.status === 'ready' && isSuccessorLoaded(state, coalition)

/** True where whoever is new in the ring's successor holds its layers; seats that only change theirs load at the change. */
export function isSuccessorLoaded(state: SwarmState, { seats, successor }: Coalition): boolean {
  if (successor === null) return false
  return successor.every(
    ({ peer, layers }) =>
      seats.some(seat => seat.peer === peer) || isSameRange(state.peers[peer]?.held ?? null, layers),
  )
}

/** The seat, else the relay in use, that wants to leave its ring; null where nobody does. */
export function leavingPeer(state: SwarmState, coalition: Coalition): string | null {
  if (coalition.status === 'lost') return null
  const isLeaving = (peer: string): boolean => (state.peers[peer]?.draining ?? 'no') !== 'no'
  const seat = coalition.seats.find(({ peer }) => isLeaving(peer))
  const relay = coalition.relays.find(({ relay }) => isLeaving(relay) && isRelayInUse(coalition, relay))
  return seat?.peer ?? relay?.relay ?? null
}
