/** What a session came to: paid, refunded, request by request, with every transaction. It says so if the sum were wrong. */
import type { MoneyTransaction, PaidTerms, Receipt } from '@computepool/shared/money'
import { useId } from 'react'
import { formatAtomic } from '../format/format-money.ts'
import { formatMs } from '../format/format-number.ts'
import { Link } from '../router/Link.tsx'
import { ScrollRegion } from '../shell/ScrollRegion.tsx'
import { MoneyFigure } from './MoneyFigure.tsx'
import { TransactionHash } from './TransactionHash.tsx'

const kindWords: Readonly<Record<MoneyTransaction['kind'], string>> = {
  open: 'Payment, session opened',
  set: 'Stream set',
  close: 'Settled and refunded',
  units: 'Operators’ shares set',
  reap: 'Expired, settled and refunded',
}

export interface ReceiptPanelProps {
  readonly receipt: Receipt
  readonly chain: PaidTerms['chain']
  readonly onDismiss: () => void
}

export function ReceiptPanel({ receipt, chain, onDismiss }: ReceiptPanelProps) {
  const { session, requests, transactions, paidAtomic, refundedAtomic, refundedBySlashAtomic = 0n } = receipt
  const headId = useId()
  const money = (amount: bigint) => formatAtomic(amount, chain.isEmbedded)
  const isRefused = session.status === 'refused'
  const missing = (isRefused ? 0n : session.capAtomic) - paidAtomic - refundedAtomic
  return (
    <section
      className="panel money-panel"
      data-testid="receipt"
      data-status={session.status}
      data-session={session.id}
      aria-labelledby={headId}
    >
      <h3 id={headId}>Receipt</h3>
      <p role="status">
        {isRefused
          ? 'The payment was refused, and nothing moved.'
          : refundedAtomic > 0n
            ? `${money(refundedAtomic)} were sent back to your wallet.`
            : 'The whole cap was spent: nothing comes back.'}
      </p>
      <dl className="figures money-figures">
        <MoneyFigure name="Paid to operators" testId="paid" atomic={paidAtomic}>
          {money(paidAtomic)}
        </MoneyFigure>
        <MoneyFigure name="Refunded to you" testId="refunded" atomic={refundedAtomic} isMoney>
          {money(refundedAtomic)}
        </MoneyFigure>
        {refundedBySlashAtomic === 0n ? null : (
          <MoneyFigure name="From a stake" testId="refunded-by-slash" atomic={refundedBySlashAtomic} isMoney>
            {money(refundedBySlashAtomic)}
          </MoneyFigure>
        )}
        <MoneyFigure name="Cap" testId="receipt-cap" atomic={session.capAtomic}>
          {money(session.capAtomic)}
        </MoneyFigure>
      </dl>
      {refundedBySlashAtomic === 0n ? null : (
        <p data-testid="slash-words">
          {money(refundedBySlashAtomic)} came to you out of the stake of an operator who was convicted over this
          session, beside what was refunded. <Link to="/disputes">Disputes</Link>
        </p>
      )}
      {missing === 0n ? null : (
        <p className="notice" role="alert" data-testid="receipt-mismatch">
          Paid and refunded differ from the cap by {money(missing)}. Keep this receipt, and ask the server’s owner.
        </p>
      )}
      <details className="disclosure" open>
        <summary>
          {transactions.length} {transactions.length === 1 ? 'transaction' : 'transactions'}
        </summary>
        <ul className="transactions">
          {transactions.map(({ kind, hash }) => (
            <li key={`${kind}-${hash}`} data-kind={kind}>
              <span>{kindWords[kind]}</span>
              <TransactionHash hash={hash} explorerUrl={chain.explorerUrl} testId="receipt-tx" />
            </li>
          ))}
        </ul>
      </details>
      {requests.length === 0 ? null : (
        <details className="disclosure">
          <summary>
            {requests.length} {requests.length === 1 ? 'answer' : 'answers'}
          </summary>
          <ScrollRegion label="Answers of this session">
            <table>
              <thead>
                <tr>
                  <th scope="col">Began</th>
                  <th scope="col">Metered</th>
                  <th scope="col">Tokens</th>
                  <th scope="col">Cost</th>
                </tr>
              </thead>
              <tbody>
                {requests.map(request => (
                  <tr key={request.requestId}>
                    <th scope="row">{new Date(request.startedAtMs).toLocaleTimeString()}</th>
                    <td>{formatMs(request.meteredMs)}</td>
                    <td>{request.tokens}</td>
                    <td data-atomic={request.costAtomic.toString()}>{money(request.costAtomic)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </ScrollRegion>
        </details>
      )}
      <button type="button" className="button quiet small" data-testid="dismiss-receipt" onClick={onDismiss}>
        Put the receipt away
      </button>
    </section>
  )
}
