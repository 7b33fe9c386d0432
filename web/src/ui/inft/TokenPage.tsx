/** The pool as a token (ERC-7857): whose it is, whom it authorises, where its intelligence lies; and what its owner and a receiver do. */
import type { PaidTerms } from '@computepool/shared/money'
import { useEffect } from 'react'
import type { PoolToken } from '../../inft/inft-store.ts'
import { paidTermsOf } from '../../money/terms-store.ts'
import { WalletPanel } from '../money/WalletPanel.tsx'
import { ErrorPanel } from '../operate/ErrorPanel.tsx'
import { Link } from '../router/Link.tsx'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'
import { AccessPanel } from './AccessPanel.tsx'
import { GrantList } from './GrantList.tsx'
import { HowToAsk } from './HowToAsk.tsx'
import { TokenFacts } from './TokenFacts.tsx'
import { TransferPanel } from './TransferPanel.tsx'
import { roleOf, roleWords } from './token-words.ts'
import { useAskedAgain } from './use-asked-again.ts'
import { VersionForm } from './VersionForm.tsx'
import { VersionList } from './VersionList.tsx'

export default function TokenPage() {
  const { tokens, terms } = useServices()
  const { status, why, pool, error } = useStore(tokens)
  useEffect(() => {
    terms.load()
    void tokens.refresh()
  }, [tokens, terms])
  useAskedAgain()
  return (
    <div className="docs token" data-testid="token-page" data-status={status}>
      <header className="activity-head">
        <h1 tabIndex={-1}>The pool’s token</h1>
        {pool === null ? null : (
          <span className="chip" data-testid="pool-privacy">
            {pool.isPrivate ? 'private pool' : 'open pool'}
          </span>
        )}
      </header>
      {status === 'unknown' || status === 'asking' ? <p role="status">Asking the orchestrator.</p> : null}
      {status === 'none' ? <NoToken why={why} /> : null}
      {error === null ? null : <ErrorPanel error={error} />}
      {pool === null ? null : <Token pool={pool} />}
      {status === 'none' || status === 'failed' || status === 'token' ? <AskAgain /> : null}
    </div>
  )
}

function NoToken({ why }: { why: string }) {
  return (
    <p data-testid="no-token">
      There is no token to show. {why} <Link to="/trust">What each seat can see</Link>
    </p>
  )
}

function AskAgain() {
  const { tokens, acts } = useServices()
  return (
    <button
      type="button"
      className="button small act-button"
      data-testid="refresh-token"
      onClick={() => {
        void tokens.refresh()
        void acts.look()
      }}
    >
      Ask how it stands again
    </button>
  )
}

function Token({ pool }: { pool: PoolToken }) {
  const { tokens, terms: termsStore, wallet: walletStore, acts } = useServices()
  const { token } = useStore(tokens)
  const terms = paidTermsOf(useStore(termsStore))
  const { wallet } = useStore(walletStore)
  const address = wallet?.address ?? null
  useEffect(() => {
    if (terms !== null) void walletStore.look(terms)
  }, [walletStore, terms])
  // Another wallet, or another token: what concerns the wallet is asked anew.
  const occasion = `${pool.token} ${pool.tokenId} ${address ?? ''}`
  useEffect(() => acts.lookFor(occasion), [acts, occasion])
  const role = token === null ? 'nobody' : roleOf(token, address, Date.now() / 1000)
  const obstacle = obstacleOf(terms, wallet)
  return (
    <>
      <TokenFacts pool={pool} token={token} />
      <section className="stack" aria-labelledby="your-wallet">
        <h2 id="your-wallet">Your wallet</h2>
        <p data-testid="role" data-role={role}>
          {token === null ? 'Asking the chain what this wallet is to the pool.' : roleWords[role]}
        </p>
        {terms === null ? (
          <p className="hint">Wallets can be connected once this server has told its chain’s terms.</p>
        ) : (
          <WalletPanel terms={terms} />
        )}
        {pool.isPrivate ? <AccessPanel /> : null}
      </section>
      {token === null ? null : (
        <>
          <GrantList token={token} isOwner={role === 'owner'} obstacle={obstacle} />
          <VersionList token={token} />
          {role === 'owner' ? <VersionForm obstacle={obstacle} /> : null}
          <TransferPanel token={token} isOwner={role === 'owner'} obstacle={obstacle} />
        </>
      )}
      <HowToAsk pool={pool} token={token} />
    </>
  )
}

/** Why the wallet cannot act here, with what to do; null where it can. */
function obstacleOf(terms: PaidTerms | null, wallet: { readonly isOnChain: boolean } | null): string | null {
  if (terms === null || wallet === null) return 'Connect a wallet above first.'
  return wallet.isOnChain ? null : `Switch the wallet to ${terms.chain.name} first.`
}
