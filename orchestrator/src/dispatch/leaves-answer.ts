/** Whether a peer that goes leaves an answer behind: one that ran through its seat, while it had not asked to go. Read from the swarm's state. */
import { livingCoalitions, type SwarmState } from '@computepool/shared/swarm'

/** `runningOn`: answers that run on the ring of an epoch. A hub that closed took its peers with it, and whoever is back under its id has not left. */
export function leavesAnswer(
  state: SwarmState,
  { peer, reason }: { readonly peer: string; readonly reason: string },
  runningOn: (epoch: number) => number,
): boolean {
  if (reason === 'hub-closed' || reason === 'replaced' || state.peers[peer]?.draining !== 'no') return false
  return livingCoalitions(state).some(
    ({ epoch, seats }) => seats.some(seat => seat.peer === peer) && runningOn(epoch) > 0,
  )
}
