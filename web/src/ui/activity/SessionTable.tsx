/** Every session, and where every cent of it is: paid in, spent, sent back or still to come back, locked as buffer. */
import type { SessionView } from '@computepool/shared/money'
import { formatAtomic, formatWei, shortHex } from '../format/format-money.ts'
import { TransactionHash } from '../money/TransactionHash.tsx'
import { ScrollRegion } from '../shell/ScrollRegion.tsx'
import { sumSessions } from './sum-sessions.ts'

export interface SessionTableProps {
  readonly sessions: readonly SessionView[]
  readonly isTest: boolean
  readonly explorerUrl: string | null
}

export function SessionTable({ sessions, isTest, explorerUrl }: SessionTableProps) {
  const money = (amount: bigint) => formatAtomic(amount, isTest)
  const sums = sumSessions(sessions)
  return (
    <section className="stack" aria-labelledby="sessions">
      <h2 id="sessions">Sessions</h2>
      {sessions.length === 0 ? (
        <p className="hint">No session yet. The first one appears here when a payer signs.</p>
      ) : (
        <>
          <p data-testid="session-sums">
            Of {money(sums.capAtomic)} paid in: {money(sums.spentAtomic)} spent, {money(sums.refundedAtomic)} sent back,{' '}
            {money(sums.heldAtomic)} held for payers whose sessions are open. {money(sums.bufferAtomic)} of the reserve
            is locked as buffer.
          </p>
          <ScrollRegion label="All sessions">
            <table className="wide-table">
              <thead>
                <tr>
                  {['Session', 'Status', 'Payer', 'Cap', 'Spent', 'Rest', 'Rate', 'Buffer', 'Transactions'].map(
                    name => (
                      <th key={name} scope="col">
                        {name}
                      </th>
                    ),
                  )}
                </tr>
              </thead>
              <tbody>
                {sessions.map(session => (
                  <tr key={session.id} data-testid="session-row" data-status={session.status} data-session={session.id}>
                    <th scope="row">
                      <code title={session.id}>{shortHex(session.id)}</code>
                    </th>
                    <td>{statusWords(session)}</td>
                    <td>
                      <code title={session.payer}>{shortHex(session.payer)}</code>
                    </td>
                    <td data-atomic={session.capAtomic.toString()}>{money(session.capAtomic)}</td>
                    <td data-atomic={session.spentAtomic.toString()}>{money(session.spentAtomic)}</td>
                    <td data-atomic={session.refundableAtomic.toString()}>
                      {money(session.refundableAtomic)} {session.status === 'closed' ? 'sent back' : 'to send back'}
                    </td>
                    <td data-wei={session.rateWei.toString()}>
                      {session.rateWei === 0n ? 'none' : `${formatWei(session.rateWei * 60n, isTest)}/min`}
                    </td>
                    <td data-atomic={session.bufferAtomic.toString()}>{money(session.bufferAtomic)}</td>
                    <td>
                      {session.openTransaction === null ? null : (
                        <TransactionHash hash={session.openTransaction} explorerUrl={explorerUrl} />
                      )}
                      {session.closeTransaction === null ? null : (
                        <TransactionHash hash={session.closeTransaction} explorerUrl={explorerUrl} />
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </ScrollRegion>
        </>
      )}
    </section>
  )
}

function statusWords({ status, runningRequests }: SessionView): string {
  return runningRequests === 0 ? status : `${status}, ${runningRequests} running`
}
