/** Sign-in to a private pool with the wallet in use: one signature, then questions carry the session. Also the chat shows it. */
import { shortHex } from '../format/format-money.ts'
import { ErrorPanel } from '../operate/ErrorPanel.tsx'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'
import { isSameAddress } from './token-words.ts'

export function AccessPanel() {
  const { access, wallet: walletStore } = useServices()
  const { address, endsAtMs, isBusy, error } = useStore(access)
  const { wallet } = useStore(walletStore)
  const isOther = address !== null && wallet !== null && !isSameAddress(address, wallet.address)
  return (
    <div className="stack access" data-testid="access" data-address={address?.toLowerCase() ?? ''}>
      <p role="status">
        {address === null
          ? 'Not signed in. The pool is private: it asks who you are before it answers.'
          : `Signed in as ${shortHex(address)}, until ${new Date(endsAtMs).toLocaleString()}. Each question of this tab says so.`}
        {isOther ? ' The wallet in use is another.' : ''}
      </p>
      <div className="acts">
        {address === null || isOther ? (
          <button
            type="button"
            className="button small"
            data-testid="sign-in"
            disabled={isBusy || wallet === null}
            onClick={() => void access.signIn()}
          >
            {isBusy ? 'Confirm in your wallet' : 'Sign in with this wallet'}
          </button>
        ) : null}
        {address === null ? null : (
          <button type="button" className="button small" data-testid="sign-out" onClick={() => void access.signOut()}>
            Sign out
          </button>
        )}
      </div>
      {error === null ? null : <ErrorPanel error={error} />}
    </div>
  )
}
