/** Says whether time alone can change what is to be done: only then does the shell let it pass. It writes nothing. */
import { isMadeToWait } from './bans.ts'
import { isReturnAwaited } from './returning.ts'
import type { SwarmState } from './swarm-state.ts'

/** True where a deadline runs, or somebody here waits for one. */
export function isTimeAwaited(state: SwarmState): boolean {
  const { coalitions, peers } = state
  if (state.isLookDue || Object.values(peers).some(({ turnedAtMs }) => turnedAtMs !== null)) return true
  if (coalitions.some(({ status }) => status === 'forming') || isReturnAwaited(state)) return true
  const loads = coalitions.some(
    ({ standbys, successor }) =>
      successor !== null || standbys.some(({ peer }) => peers[peer] !== undefined && peers[peer].phase !== 'ready'),
  )
  return loads || (coalitions.length === 0 && Object.keys(peers).some(peer => isMadeToWait(state, peer)))
}
