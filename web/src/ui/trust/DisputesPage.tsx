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
        A check that computes a seat’s layers again and gets something else convicts that seat. It loses its place and
        its standing at once; where it had staked, it is accused on the chain, and auditors decide. The evidence is
        public: it holds what that seat received and sent in that request, and the text where the seat was the entry.{' '}
        <Link to="/trust">What each seat can see</Link>
      </p>
      <Disputes />
    </div>
  )
}

/** With its own heading: part of a page. */
export function Disputes() {
  const { pool: poolStore, disputes: store, terms } = useServices()
  const { pool } = useStore(poolStore)
  const { status, disputes, error } = useDisputes(pool)
  const isTest = useIsTestMoney()
  const explorerUrl = paidTermsOf(useStore(terms))?.chain.explorerUrl ?? null
  return (
    <section className="stack" aria-labelledby="disputes" data-testid="disputes" data-status={status}>
      <h2 id="disputes">Convictions and verdicts</h2>
      {error === null ? null : <ErrorPanel error={error} />}
      {status === 'asking' || status === 'unknown' ? <p role="status">Asking the orchestrator.</p> : null}
      {status === 'known' ? <DisputeList disputes={disputes} isTest={isTest} explorerUrl={explorerUrl} /> : null}
      <button type="button" className="button small" data-testid="ask-disputes" onClick={() => void store.refresh()}>
        Ask for disputes again
      </button>
    </section>
  )
}
