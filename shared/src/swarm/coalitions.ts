/** Finds and replaces coalitions in a swarm's state, and says what part a peer has in one. It decides nothing. */
import type { LayerRange } from '../model/index.ts'
import type { Coalition, SwarmState } from './swarm-state.ts'

/** Those that were not lost. */
export const livingCoalitions = (state: SwarmState): readonly Coalition[] =>
  state.coalitions.filter(({ status }) => status !== 'lost')

/** The one that pages draw: the oldest that is ready, else the oldest that lives. */
export function mainCoalition(state: SwarmState): Coalition | null {
  const living = livingCoalitions(state)
  return living.find(({ status }) => status === 'ready') ?? living[0] ?? null
}

export const coalitionOf = (state: SwarmState, epoch: number): Coalition | null =>
  state.coalitions.find(coalition => coalition.epoch === epoch) ?? null

/** The state with that coalition in the place of the one with its epoch. */
export function withCoalition(state: SwarmState, coalition: Coalition): SwarmState {
  const coalitions = state.coalitions.map(other => (other.epoch === coalition.epoch ? coalition : other))
  return { ...state, coalitions }
}

/** What `peer` has to do with `coalition`; null: nothing. */
export function partOf(
  coalition: Coalition,
  peer: string,
): { readonly kind: 'seat' | 'standby'; readonly layers: LayerRange } | null {
  const seat = coalition.seats.find(seat => seat.peer === peer)
  if (seat !== undefined) return { kind: 'seat', layers: seat.layers }
  const standby = coalition.standbys.find(standby => standby.peer === peer)
  return standby === undefined ? null : { kind: 'standby', layers: standby.layers }
}

/** Who holds a seat of a coalition that was not lost. */
export function seatedPeers(state: SwarmState): Set<string> {
  return new Set(livingCoalitions(state).flatMap(({ seats }) => seats.map(({ peer }) => peer)))
}

export const isSameRange = (a: LayerRange | null, b: LayerRange | null): boolean =>
  a !== null && b !== null && a.start === b.start && a.end === b.end
