/**
 * Whether a peer that goes leaves an answer behind: one that ran through its seat, and that it did not give the time to end. Read from the swarm's
 * state.
 */
import { livingCoalitions, type SwarmState } from '@computepool/shared/swarm'

/** A node waits a minute for its answers unless it is told otherwise; the two words do not take the same time to arrive. */
const patientMs = 55_000

export interface Goer {
  readonly peer: string
  readonly reason: string
  readonly atMs: number
}

/**
 * `runningOn`: answers that run on the ring of an epoch. A hub that closed took its peers with it, and whoever is back under its id has not left.
 * Whoever asked to go, and then went at once, cut the answer like one who never asked.
 */
export function leavesAnswer(
  state: SwarmState,
  { peer, reason, atMs }: Goer,
  runningOn: (epoch: number) => number,
): boolean {
  const known = state.peers[peer]
  if (reason === 'hub-closed' || reason === 'replaced' || known === undefined || known.draining === 'released')
    return false
  if (known.askedToGoAtMs !== null && atMs - known.askedToGoAtMs >= patientMs) return false
  return livingCoalitions(state).some(
    ({ epoch, seats }) => seats.some(seat => seat.peer === peer) && runningOn(epoch) > 0,
  )
}
