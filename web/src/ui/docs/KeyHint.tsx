/** What a client sends as its key: a session's token where work is paid for, anything where it is free. */
import { useEffect } from 'react'
import { formatAtomic } from '../format/format-money.ts'
import { TermsWait } from '../money/TermsWait.tsx'
import { Link } from '../router/Link.tsx'
import { CopyButton } from '../shell/CopyButton.tsx'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'

export function KeyHint() {
  const { terms: termsStore, sessions } = useServices()
  const view = useStore(termsStore)
  const hasSession = useStore(sessions).live !== null
  useEffect(() => termsStore.load(), [termsStore])
  if (view.status === 'free') {
    return (
      <p className="hint">
        Any OpenAI client works once it points here. No key is asked for; clients that insist on one may send any text.
      </p>
    )
  }
  if (view.status !== 'paid')
    return <TermsWait view={view} words="Asking whether work is paid for here." testId="key-hint" />
  const { terms } = view
  const money = (amount: bigint) => formatAtomic(amount, terms.chain.isEmbedded)
  return (
    <>
      <p className="hint">
        Any OpenAI client works once it points here with a session’s token as its <code>apiKey</code>:{' '}
        {money(terms.pricePerSecondAtomic * 60n)} a minute while an answer is written, up to the session’s cap.{' '}
        {hasSession ? 'This tab has a session.' : <Link to="/chat">Open a session</Link>}{' '}
        {hasSession ? <CopyButton text={sessions.token() ?? ''} label="Copy the session’s token" /> : null}
      </p>
      <p className="hint">
        Without a token the answer is 402, with an x402 challenge in its PAYMENT-REQUIRED header:{' '}
        <code>@x402/fetch</code> pays it, {money(terms.requestCapAtomic)} at most a request, and what is not used comes
        back.
      </p>
    </>
  )
}
