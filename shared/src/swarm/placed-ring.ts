/** Questions about seats that a placement proposes: whether they fit, who holds their layers already, whether a link let them down. */
import { layerCount } from '../model/index.ts'
import { isSameRange } from './coalitions.ts'
import { ringFactor } from './placement-standing.ts'
import { capacityOf, lapMs, offersOf, type PlacedSeat, type Placement, type PlacementInput } from './plan-placement.ts'
import { pairKey, type SwarmState } from './swarm-state.ts'

export type Placed = Extract<Placement, { kind: 'placed' }>

/** The links that a ring of these seats needs, and the pairs of them that did not open. */
export function failedLinks(
  state: SwarmState,
  seats: ReadonlyArray<{ readonly peer: string }>,
): Array<[number, number]> {
  if (seats.length < 2) return []
  return seats.flatMap(({ peer }, index): Array<[number, number]> => {
    const next = (index + 1) % seats.length
    return state.failedPaths[pairKey(peer, seats[next]!.peer)] === undefined ? [] : [[index, next]]
  })
}

export const hasFailedLink = (state: SwarmState, seats: readonly PlacedSeat[]): boolean =>
  failedLinks(state, seats).length > 0

/** Seats whose peer holds exactly these layers. */
export const countHeld = (state: SwarmState, seats: readonly PlacedSeat[]): number =>
  seats.filter(({ peer, layers }) => isSameRange(state.peers[peer]?.held ?? null, layers)).length

/** With its lap; null where a seat does not fit, or two neighbours have no way to each other. */
export function asPlaced(input: PlacementInput, seats: readonly PlacedSeat[]): Placed | null {
  const fits = seats.every(({ peer, layers }, index) => {
    const known = input.peers.find(other => other.peer === peer)
    if (known === undefined) return false
    return layerCount(layers) <= capacityOf(input.model, known, index === 0, index === seats.length - 1)
  })
  if (!fits) return null
  const near = { ...input, peers: input.peers.filter(({ peer }) => seats.some(seat => seat.peer === peer)) }
  const lap = lapMs(near, seats)
  if (!Number.isFinite(lap)) return null
  return { kind: 'placed', seats, lapMs: lap, costMs: lap * ringFactor(input, offersOf(near, seats)) }
}
