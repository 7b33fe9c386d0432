/** The ways out of the ring: after the answers under way, or at once. Whoever waits for the answers may still stop at once. */
import type { PeerSnapshot } from '@computepool/peer/runtime/peer-snapshot.ts'
import type { TabCommands } from '../../peer/tab-commands.ts'
import { drainMinutes, isFinishing, isJoined } from './status-words.ts'

type StopCommands = Pick<TabCommands, 'drain' | 'leave'>

export function StopButtons({ snapshot, commands }: { snapshot: PeerSnapshot; commands: StopCommands }) {
  const { status } = snapshot
  if (!isJoined(status)) return null
  const isWaiting = isFinishing(snapshot)
  return (
    <div className="stop-buttons">
      {status !== 'serving' ? null : (
        // It stays where it is, so that whoever pressed it by keyboard does not lose their place, or stop at once with a second press.
        <button
          type="button"
          className="button"
          data-testid="drain"
          aria-disabled={isWaiting}
          onClick={() => {
            if (!isWaiting) commands.drain(drainMinutes * 60_000)
          }}
        >
          {isWaiting ? 'Finishing answers' : 'Finish answers, then stop'}
        </button>
      )}
      <button type="button" className="button" data-testid="leave" onClick={() => commands.leave()}>
        Stop now
      </button>
    </div>
  )
}
