/** Away from /operate, a joined tab says so in one line: work goes on while its owner reads or chats. */
import { formatTokensPerSecond } from '../format/format-number.ts'
import { describeStatus, isJoined, nameStatus } from '../operate/status-words.ts'
import { Link } from '../router/Link.tsx'
import { useStore } from '../stores/use-store.ts'
import { useServices } from './services.ts'

export function TabStrip() {
  const { tab } = useServices()
  const snapshot = useStore(tab)
  if (!isJoined(snapshot.status) && snapshot.status !== 'failed') return null
  const speed = snapshot.tokensPerSecond === null ? '' : ` ${formatTokensPerSecond(snapshot.tokensPerSecond)}.`
  return (
    <p className="tab-strip">
      <strong>{nameStatus(snapshot)}</strong>
      <span>
        {describeStatus(snapshot)}
        {speed}
      </span>
      <Link to="/operate">This tab’s seat</Link>
    </p>
  )
}
