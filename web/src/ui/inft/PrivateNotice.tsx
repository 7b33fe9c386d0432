/** In the chat of a private pool, before a question is paid for: sign in, or learn why not and whom to ask. */
import { useEffect } from 'react'
import { paidTermsOf } from '../../money/terms-store.ts'
import { shortHex } from '../format/format-money.ts'
import { WalletPanel } from '../money/WalletPanel.tsx'
import { Link } from '../router/Link.tsx'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'
import { AccessPanel } from './AccessPanel.tsx'
import type { PoolAccess } from './use-pool-access.ts'

export function PrivateNotice({ access: state }: { access: PoolAccess }) {
  const { terms: termsStore, wallet, access, tokens } = useServices()
  const terms = paidTermsOf(useStore(termsStore))
  const { address } = useStore(access)
  useEffect(() => termsStore.load(), [termsStore])
  useEffect(() => {
    if (terms !== null) void wallet.look(terms)
  }, [wallet, terms])
  if (state !== 'signed-out' && state !== 'unauthorised') return null
  return (
    <section className="panel" aria-labelledby="private-pool" data-testid="private-pool" data-access={state}>
      <h3 id="private-pool">This pool is private</h3>
      <p>
        {state === 'signed-out'
          ? 'It answers its owner and whom the owner authorised. Sign in with such a wallet: one signature, no transaction.'
          : `${shortHex(address ?? '')} is not authorised by the token’s owner: its questions are refused. `}{' '}
        <Link to="/token#ask">How to ask for access</Link>
      </p>
      {terms === null ? null : <WalletPanel terms={terms} />}
      <AccessPanel />
      {state === 'unauthorised' ? (
        <button type="button" className="button small" data-testid="ask-chain" onClick={() => void tokens.refresh()}>
          Ask the chain again
        </button>
      ) : null}
    </section>
  )
}
