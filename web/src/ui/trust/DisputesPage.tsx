/** Everybody's list of disputes: a pool's convictions are public, and so is what they rest on. */
import { paidTermsOf } from '../../money/terms-store.ts'
import { ErrorPanel } from '../operate/ErrorPanel.tsx'
import { Link } from '../router/Link.tsx'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'
import { DisputeList } from './DisputeList.tsx'
import { PoolStakeChip } from './PoolStakeChip.tsx'
import { useDisputes } from './use-disputes.ts'
import { useIsTestMoney } from './use-is-test-money.ts'

export function DisputesPage() {
  const { pool: poolStore } = useServices()
  const { pool } = useStore(poolStore)
  return (
    <div className="docs">
      <header className="activity-head">
        <h1 tabIndex={-1}>Disputes</h1>
        <PoolStakeChip pool={pool} />
      </header>
      <p>
        A seat whose layers a check computed again, with another result, is convicted when those who look at the
        evidence agree. It loses its place and its standing at once; where it had staked, it is accused on the chain,
        and auditors decide. The evidence is public: it holds what that seat received and sent in that request, and the
        text where the seat was the entry. <Link to="/trust">What each seat can see</Link>
      </p>
      <Disputes />
    </div>
  )
}

/** With its own heading: part of a page. */
export function Disputes() {
  const { pool: poolStore, disputes: store, terms } = useServices()
  const { pool } = useStore(poolStore)
  const termsView = useStore(terms)
  const isTest = useIsTestMoney()
  const isFree = termsView.status === 'free'
  const isAsked = termsView.status === 'paid' || termsView.status === 'failed'
  const { status, disputes, error } = useDisputes(pool, isAsked)
  const explorerUrl = paidTermsOf(termsView)?.chain.explorerUrl ?? null
  return (
    <section className="stack" aria-labelledby="disputes" data-testid="disputes" data-status={status}>
      <h2 id="disputes">Convictions and verdicts</h2>
      {isFree ? (
        <p className="hint">
          Work is free here: a conviction costs a seat its place and its standing. Nothing is staked, and no list is
          kept.
        </p>
      ) : null}
      {error === null ? null : <ErrorPanel error={error} />}
      {!isFree && (status === 'asking' || status === 'unknown') ? <p role="status">Asking the orchestrator.</p> : null}
      {status === 'known' ? <DisputeList disputes={disputes} isTest={isTest} explorerUrl={explorerUrl} /> : null}
      {isFree ? null : (
        <button type="button" className="button small" data-testid="ask-disputes" onClick={() => void store.refresh()}>
          Ask for disputes again
        </button>
      )}
    </section>
  )
}
