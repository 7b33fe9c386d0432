/** Turns a placement into the act that forms it: seats, cache budgets, routes. It decides nothing. */
import { type LayerRange, layerCount } from '../model/index.ts'
import type { Seat } from '../wire/control-messages.ts'
import type { PlacedSeat, Placement } from './plan-placement.ts'
import type { SwarmAct } from './swarm-events.ts'
import { routeSeats } from './swarm-links.ts'
import type { SwarmState } from './swarm-state.ts'

/** The act that forms a coalition of these seats. */
export function formAct(state: SwarmState, placement: Extract<Placement, { kind: 'placed' }>): SwarmAct {
  const seats = seatsOf(placement.seats)
  const epoch = state.nextEpoch
  return {
    type: 'form-coalition',
    id: `c${epoch}`,
    epoch,
    seats,
    kvBudgetBytes: seats.map(({ peer, layers }) => kvBudgetOf(state, peer, layers)),
    maxContext: state.config.maxContext,
    lapMs: placement.lapMs,
    ...routeSeats(state, seats),
  }
}

export const seatsOf = (placed: readonly PlacedSeat[]): Seat[] =>
  placed.map(({ peer, layers }, seat) => ({ seat, peer, layers }))

/**
 * What `peer` may spend on caches beside these layers. The same for a standby as for the seat: a slice with another budget would be
 * loaded anew.
 */
export function kvBudgetOf(state: SwarmState, peer: string, layers: LayerRange): number {
  const { placement: model, maxCaches } = state.config
  const count = layerCount(layers)
  const ends = (layers.start === 0 ? model.embeddingBytes : 0) + (layers.end === model.layers ? model.headBytes : 0)
  const spare = state.peers[peer]!.capability!.memoryBudgetBytes - count * model.layerBytes - ends
  return Math.min(spare, maxCaches * count * model.kvBytesPerLayer)
}
