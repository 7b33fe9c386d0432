/** How a coalition ends: a seat, or a relay that its ring cannot do without, is lost, or it was drained. It writes state only. */
import { ComputePoolError } from '../errors/index.ts'
import { pairOnRelay } from './coalition-links.ts'
import { coalitionOf, livingCoalitions, withCoalition } from './coalitions.ts'
import { peerInWords } from './peer-words.ts'
import type { Coalition, SwarmState } from './swarm-state.ts'

/** The coalition is lost, unless it was already; `message` is why, without a full stop. */
export function lose(state: SwarmState, epoch: number, message: string): SwarmState {
  const coalition = coalitionOf(state, epoch)
  if (coalition === null || coalition.status === 'lost') return state
  const lostBy = new ComputePoolError('swarm_coalition_lost', `The answer was cut short: ${message}.`, {
    remedy: 'Send the request again; the remaining tabs are being re-planned.',
    context: { epoch, retryAfterSeconds: 5 },
  }).toJSON()
  return withCoalition(state, { ...coalition, status: 'lost', lostBy })
}

/** What the loss of `peer` means for each coalition: nothing where it has no part in it. */
export function losePeer(state: SwarmState, peer: string, reason: string): SwarmState {
  return livingCoalitions(state).reduce((next, coalition) => loseIn(next, coalition, peer, reason), state)
}

function loseIn(state: SwarmState, coalition: Coalition, peer: string, reason: string): SwarmState {
  const seat = coalition.seats.find(seat => seat.peer === peer)
  if (seat === undefined) return loseRelay(state, coalition, peer, reason)
  const { start, end } = seat.layers
  const words = `${peerInWords(state, peer)}, which held layers ${start} to ${end - 1}, was lost: ${reason}`
  return lose(state, coalition.epoch, words)
}

/** A spare relay's links fail over by themselves; without the last way between two neighbours the ring is broken. */
function loseRelay(state: SwarmState, coalition: Coalition, relay: string, reason: string): SwarmState {
  const pair = pairOnRelay(coalition, relay)
  if (pair === null) return state
  const ends = `between ${peerInWords(state, pair[0])} and ${peerInWords(state, pair[1])}`
  return lose(state, coalition.epoch, `${peerInWords(state, relay)}, the only way ${ends}, was lost: ${reason}`)
}

/** Whoever was to load for the ring's successor cannot any more: the ring stays as it is. */
export function forgetSuccessors(state: SwarmState, peer: string): SwarmState {
  const next = state.wanted?.some(seat => seat.peer === peer) === true ? { ...state, wanted: null } : state
  return livingCoalitions(next)
    .filter(({ successor }) => successor?.some(seat => seat.peer === peer) === true)
    .reduce((next, coalition) => withCoalition(next, { ...coalition, successor: null }), next)
}
