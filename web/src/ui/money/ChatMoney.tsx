/** Money beside the composer: before the first paid message a cap to choose, then the meter, at the end the receipt. */
import type { PaidTerms } from '@computepool/shared/money'
import { useEffect } from 'react'
import { ErrorPanel } from '../operate/ErrorPanel.tsx'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'
import { FreeLine } from './FreeLine.tsx'
import { OpenSession } from './OpenSession.tsx'
import { ReceiptPanel } from './ReceiptPanel.tsx'
import { SessionPanel } from './SessionPanel.tsx'
import { TermsWait } from './TermsWait.tsx'

export function ChatMoney() {
  const { terms: termsStore } = useServices()
  const view = useStore(termsStore)
  useEffect(() => termsStore.load(), [termsStore])
  switch (view.status) {
    case 'unknown':
    case 'asking':
      return null
    case 'free':
      return <FreeLine words="no chain runs here, and nothing is charged." />
    case 'failed':
      return <TermsWait view={view} words="" testId="terms-failed" />
    case 'paid':
      return <PaidChat terms={view.terms} />
  }
}

function PaidChat({ terms }: { terms: PaidTerms }) {
  const { sessions } = useServices()
  const view = useStore(sessions)
  const shown = view.live ?? view.past
  return (
    <div className="chat-money">
      {shown !== null && shown.receipt === null ? <SessionPanel entry={shown} terms={terms} /> : null}
      {view.past !== null && view.past.receipt !== null ? (
        <ReceiptPanel receipt={view.past.receipt} chain={terms.chain} onDismiss={sessions.dismiss} />
      ) : null}
      {view.error === null ? null : <ErrorPanel error={view.error} />}
      {view.live === null ? <OpenSession terms={terms} view={view} /> : null}
    </div>
  )
}
