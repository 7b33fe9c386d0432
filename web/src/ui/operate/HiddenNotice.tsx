/** What a hidden tab costs, said before it happens and after it did. */
import { formatDuration } from '../format/format-number.ts'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'

export function HiddenNotice() {
  const { isHidden, lastHiddenMs } = useStore(useServices().visibility)
  const past = lastHiddenMs === null ? '' : ` It was hidden for ${formatDuration(lastHiddenMs)}.`
  return (
    <p className="hint" data-testid="hidden-notice" data-hidden={isHidden}>
      Keep this tab in front, or in a window of its own: browsers slow a hidden tab, phones suspend it, and the whole
      ring waits for the slowest seat.{past}
    </p>
  )
}
