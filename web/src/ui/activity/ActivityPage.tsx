/** For the orchestrator's owner: sessions and where every cent of them is, workflow runs with their logs, and what the reconciler found. */
import type { SessionView } from '@computepool/shared/money'
import { useEffect } from 'react'
import { paidTermsOf, type TermsView } from '../../money/terms-store.ts'
import { FreeLine } from '../money/FreeLine.tsx'
import { TermsWait } from '../money/TermsWait.tsx'
import { ErrorPanel } from '../operate/ErrorPanel.tsx'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'
import { Disputes } from '../trust/DisputesPage.tsx'
import { FindingList } from './FindingList.tsx'
import { OwnerSignIn } from './OwnerSignIn.tsx'
import { RunList } from './RunList.tsx'
import { SessionTable } from './SessionTable.tsx'

export default function ActivityPage() {
  const { activity, disputes, terms: termsStore } = useServices()
  const view = useStore(activity)
  const termsView = useStore(termsStore)
  useEffect(() => termsStore.load(), [termsStore])
  useEffect(() => void activity.refresh(), [activity])
  const explorerUrl = paidTermsOf(termsView)?.chain.explorerUrl ?? null
  return (
    <div className="activity">
      <header className="activity-head">
        <h1 tabIndex={-1}>Activity</h1>
        {view.status === 'locked' ? null : (
          <span className="acts">
            <button
              type="button"
              className="button small"
              data-testid="refresh-activity"
              onClick={() => {
                void activity.refresh()
                void disputes.refresh()
              }}
            >
              Refresh
            </button>
            <button type="button" className="button quiet small" onClick={activity.signOut}>
              Sign out
            </button>
          </span>
        )}
      </header>
      {termsView.status === 'free' ? <FreeLine words="no chain runs here, so no money moves." /> : null}
      {view.error === null ? null : <ErrorPanel error={view.error} />}
      {view.status === 'locked' ? <OwnerSignIn onToken={activity.signIn} /> : null}
      {view.status === 'asking' ? <p role="status">Asking the orchestrator.</p> : null}
      {view.status === 'known' ? (
        <>
          <FindingList findings={view.findings} lastCheckAtMs={view.lastCheckAtMs} />
          <Sessions sessions={view.sessions} terms={termsView} />
          <Disputes />
          <RunList
            runs={view.runs}
            logs={view.logs}
            explorerUrl={explorerUrl}
            onOpen={id => void activity.openRun(id)}
          />
        </>
      ) : null}
    </div>
  )
}

/** No amount without its currency: test money must not pass for money, nor money for test money. */
function Sessions({ sessions, terms }: { sessions: readonly SessionView[]; terms: TermsView }) {
  if (terms.status === 'free') return null
  if (terms.status !== 'paid')
    return <TermsWait view={terms} words="Asking which money these sessions are in." testId="sessions-wait" />
  const { isEmbedded, explorerUrl } = terms.terms.chain
  return <SessionTable sessions={sessions} isTest={isEmbedded} explorerUrl={explorerUrl} />
}
