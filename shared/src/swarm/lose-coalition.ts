/** How a coalition ends: a seat, or a relay that its ring cannot do without, is lost, or it was drained. It writes state only. */
import { ComputePoolError } from '../errors/index.ts'
import { pairOnRelay } from './coalition-links.ts'
import { peerInWords } from './peer-words.ts'
import type { SwarmState } from './swarm-state.ts'

/** The coalition is lost, unless it was already; `message` is why, without a full stop. */
export function lose(state: SwarmState, message: string): SwarmState {
  if (state.coalition === null || state.coalition.status === 'lost') return state
  const lostBy = new ComputePoolError('swarm_coalition_lost', `The answer was cut short: ${message}.`, {
    remedy: 'Send the request again; the remaining tabs are being re-planned.',
    context: { epoch: state.coalition.epoch, retryAfterSeconds: 5 },
  }).toJSON()
  return { ...state, coalition: { ...state.coalition, status: 'lost', lostBy } }
}

/** What the loss of `peer` means for the coalition: nothing where it has no part in it. */
export function losePeer(state: SwarmState, peer: string, reason: string): SwarmState {
  const seat = state.coalition?.seats.find(seat => seat.peer === peer)
  if (seat === undefined) return loseRelay(state, peer, reason)
  const { start, end } = seat.layers
  return lose(state, `${peerInWords(state, peer)}, which held layers ${start} to ${end - 1}, was lost: ${reason}`)
}

/** A spare relay's links fail over by themselves; without the last way between two neighbours the ring is broken. */
function loseRelay(state: SwarmState, relay: string, reason: string): SwarmState {
  const { coalition } = state
  if (coalition === null || coalition.status === 'lost') return state
  const pair = pairOnRelay(coalition, relay)
  if (pair === null) return state
  const ends = `between ${peerInWords(state, pair[0])} and ${peerInWords(state, pair[1])}`
  return lose(state, `${peerInWords(state, relay)}, the only way ${ends}, was lost: ${reason}`)
}
