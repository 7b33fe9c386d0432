/** Which seat of a ring a peer without one could take over best. It reads the state and writes nothing. */
import { layerCount } from '../model/index.ts'
import { isSameRange } from './coalitions.ts'
import { placementInput } from './place-swarm.ts'
import { effortOf } from './placement-standing.ts'
import { capacityOf, type PlacementInput, type PlacementPeer } from './plan-placement.ts'
import type { Coalition, Standby, SwarmPeer, SwarmState } from './swarm-state.ts'

/** A link that costs so much is one that did not open. */
export const unusableMs = 10_000

/** Asks about one state: its links and speeds are worked out once. */
export interface SeatPicker {
  /**
   * The index of the seat that `peer` should stand by for, beside `others`; null where it can take over none. Seats with fewer standbys
   * come first; then one that wants to go, one whose layers the peer holds already, one that vanished before, and the
   * slowest, by its standing.
   */
  pick(coalition: Coalition, peer: SwarmPeer, others: ReadonlyArray<Pick<Standby, 'seat'>>): number | null
}

export function pickSeats(state: SwarmState): SeatPicker {
  const measured = Object.values(state.peers).filter(({ capability }) => capability !== null)
  const input = placementInput(state, measured)
  const offers = new Map(input.peers.map(offer => [offer.peer, offer]))
  const effortAt = (peer: string): number => {
    const offer = offers.get(peer)
    return offer === undefined ? 0 : effortOf(offer)
  }
  const pick: SeatPicker['pick'] = (coalition, peer, others) => {
    const { seats } = coalition
    const rank = (index: number): number[] => {
      const seat = seats[index]!
      const holder = state.peers[seat.peer]
      return [
        others.filter(other => other.seat === index).length,
        holder === undefined || holder.draining !== 'no' ? 0 : 1,
        isSameRange(peer.held, seat.layers) ? 0 : 1,
        state.vanished.some(gone => gone.peer === seat.peer) ? 0 : 1,
        -effortAt(seat.peer),
        index,
      ]
    }
    const offer = offers.get(peer.peer)
    if (offer === undefined) return null
    const fitting = seats.map((_, index) => index).filter(index => fitsSeat(coalition, input, offer, index))
    return fitting.map(rank).sort(compareRanks)[0]?.at(-1) ?? null
  }
  return { pick }
}

/** Whether its memory holds the seat's layers, and it has ways to both neighbours. */
function fitsSeat({ seats }: Coalition, input: PlacementInput, offer: PlacementPeer, index: number): boolean {
  const capacity = capacityOf(input.model, offer, index === 0, index === seats.length - 1)
  if (layerCount(seats[index]!.layers) > capacity) return false
  if (seats.length === 1) return true
  const neighbours = [seats[(index + 1) % seats.length]!, seats[(index + seats.length - 1) % seats.length]!]
  return neighbours.every(neighbour => input.linkMs(offer.peer, neighbour.peer) < unusableMs)
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  const index = a.findIndex((value, index) => value !== b[index])
  return index < 0 ? 0 : a[index]! - b[index]!
}
