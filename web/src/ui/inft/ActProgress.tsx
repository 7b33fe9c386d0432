/** How far the act is that was begun here: asked, sent, confirmed, or failed with what to do. */
import type { Act, ActKind } from '../../inft/acts-store.ts'
import { TransactionHash } from '../money/TransactionHash.tsx'
import { ErrorPanel } from '../operate/ErrorPanel.tsx'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'
import { actWords } from './token-words.ts'
import { useExplorer } from './use-explorer.ts'

export interface ActProgressProps {
  readonly kinds: readonly ActKind[]
  /** Of the act; absent: any. */
  readonly subject?: string
}

/** Its room is there before anything is said, so that a screen reader hears what comes. */
export function ActProgress({ kinds, subject }: ActProgressProps) {
  const { acts } = useServices()
  const { act } = useStore(acts)
  const isOurs = act !== null && kinds.includes(act.kind) && (subject === undefined || subject === act.subject)
  return (
    <>
      <p
        className="act-line"
        role="status"
        data-testid={isOurs ? 'act' : undefined}
        data-kind={isOurs ? act.kind : undefined}
        data-step={isOurs ? act.step : undefined}
      >
        {isOurs ? <Told act={act} /> : null}
      </p>
      {isOurs && act.error !== null ? <ErrorPanel error={act.error} /> : null}
    </>
  )
}

function Told({ act }: { act: Act }) {
  const explorerUrl = useExplorer()
  return (
    <>
      {actWords(act)}{' '}
      {act.hash === null ? null : <TransactionHash hash={act.hash} explorerUrl={explorerUrl} testId="act-hash" />}
    </>
  )
}
