/** Disputes one by one: who, of what, how it stands, what money moved, and the evidence to replay. */
import type { DisputeView } from '@computepool/shared/money'
import { shortHex } from '../format/format-money.ts'
import { TransactionHash } from '../money/TransactionHash.tsx'
import { CopyButton } from '../shell/CopyButton.tsx'
import { isOwnPath } from './is-own-path.ts'
import {
  breachWords,
  disputeMoneyWords,
  disputeStateWords,
  isConviction,
  voterWords,
  voteWords,
} from './trust-words.ts'

export interface DisputeListProps {
  readonly disputes: readonly DisputeView[]
  /** Null: not known whose money it is; then no amount is shown. */
  readonly isTest: boolean | null
  readonly explorerUrl: string | null
}

export function DisputeList({ disputes, isTest, explorerUrl }: DisputeListProps) {
  if (disputes.length === 0) return <p className="hint">No dispute is recorded here.</p>
  return (
    <ul className="rows">
      {disputes.map(dispute => (
        <Dispute key={dispute.id} dispute={dispute} isTest={isTest} explorerUrl={explorerUrl} />
      ))}
    </ul>
  )
}

function Dispute({ dispute, isTest, explorerUrl }: { dispute: DisputeView } & Omit<DisputeListProps, 'disputes'>) {
  const { id, coalition, accused, reason, state, openedAtMs, evidence, transactions, note } = dispute
  const votes = voteWords(dispute, atMs => new Date(atMs).toLocaleString())
  const voters = voterWords(dispute)
  const money = disputeMoneyWords(dispute, isTest)
  return (
    <li className="finding-row" data-testid="dispute-row" data-state={state} data-dispute={id}>
      <p>
        <span className={`chip ${isConviction(dispute) ? 'is-lost' : 'is-ready'}`}>{state}</span>{' '}
        <strong>
          <code title={accused}>{shortHex(accused)}</code> {breachWords[reason]}
        </strong>{' '}
        <span className="hint">{new Date(openedAtMs).toLocaleString()}</span>
      </p>
      <p>
        {disputeStateWords(dispute)} {coalition === null ? '' : `Coalition ${coalition}. `}
        {money}
      </p>
      {votes === null ? null : <p data-testid="dispute-votes">{votes}</p>}
      {voters === null ? null : (
        <p className="hint" data-testid="dispute-voters">
          {voters}
        </p>
      )}
      {note === null || note === undefined || note === '' ? null : <p className="hint">{note}</p>}
      {evidence === null ? (
        <p className="hint">No bundle: what stands against it are the receipts themselves.</p>
      ) : (
        <Evidence id={id} {...evidence} />
      )}
      {transactions.length === 0 ? null : (
        <ul className="transactions">
          {transactions.map(({ what, hash }) => (
            <li key={`${what}-${hash}`}>
              <span>{what}</span>
              <TransactionHash hash={hash} explorerUrl={explorerUrl} />
            </li>
          ))}
        </ul>
      )}
    </li>
  )
}

function Evidence({ id, sha256, path }: { id: string; sha256: string; path: string }) {
  // As the server names it.
  const file = `${sha256}.cpevid`
  const command = `computepool verify ${file} --pack PACK_FOLDER`
  return (
    <div className="evidence">
      <p className="hint">
        {isOwnPath(path) ? (
          <a href={path} download={file} data-testid="evidence" aria-label={`Evidence of dispute ${id}`}>
            Evidence
          </a>
        ) : (
          'Evidence'
        )}{' '}
        with SHA-256 <code title={sha256}>{shortHex(sha256)}</code>
        <CopyButton text={sha256} label={`Copy the SHA-256 of the evidence of dispute ${id}`} /> Compute it again with
        the model’s pack:
      </p>
      <p>
        <code>{command}</code> <CopyButton text={command} label={`Copy the command for dispute ${id}`} />
      </p>
    </div>
  )
}
