/** What the reconciler found when it compared ledger, outbox and chain; open findings first, since they need somebody. */
import type { Finding } from '@computepool/shared/money'
import { shortHex } from '../format/format-money.ts'

const statusWords: Readonly<Record<Finding['status'], string>> = {
  ok: 'in order',
  repaired: 'repaired',
  open: 'needs you',
}
const order: Readonly<Record<Finding['status'], number>> = { open: 0, repaired: 1, ok: 2 }

export interface FindingListProps {
  readonly findings: readonly Finding[]
  readonly lastCheckAtMs: number | null
}

export function FindingList({ findings, lastCheckAtMs }: FindingListProps) {
  const sorted = [...findings].sort((a, b) => order[a.status] - order[b.status] || b.atMs - a.atMs)
  const checked =
    lastCheckAtMs === null ? 'Not checked yet.' : `Last check ${new Date(lastCheckAtMs).toLocaleString()}.`
  return (
    <section className="stack" aria-labelledby="findings">
      <h2 id="findings">Findings</h2>
      <p className="hint" role="status">
        {checked} {openWords(findings, lastCheckAtMs !== null)}
      </p>
      <ul className="rows">
        {sorted.map(finding => (
          <li
            key={finding.id}
            className="finding-row"
            data-testid="finding-row"
            data-status={finding.status}
            data-check={finding.check}
          >
            <p>
              <span className={`chip ${finding.status === 'open' ? 'is-lost' : 'is-ready'}`}>
                {statusWords[finding.status]}
              </span>{' '}
              <strong>{finding.check}</strong> <span className="hint">{new Date(finding.atMs).toLocaleString()}</span>{' '}
              {finding.sessionId === null ? null : <code title={finding.sessionId}>{shortHex(finding.sessionId)}</code>}
            </p>
            <p>{finding.message}</p>
            {finding.remedy === '' ? null : <p className="hint">{finding.remedy}</p>}
          </li>
        ))}
      </ul>
    </section>
  )
}

/** Without a check, nothing found is nothing known. */
function openWords(findings: readonly Finding[], isChecked: boolean): string {
  const open = findings.filter(({ status }) => status === 'open').length
  if (open > 0) return `${open} ${open === 1 ? 'finding needs' : 'findings need'} you.`
  if (!isChecked) return ''
  return findings.length === 0 ? 'Nothing was found wrong.' : 'Nothing needs you.'
}
