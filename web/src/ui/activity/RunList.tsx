/** Workflow runs, newest first; opening one asks for its logs. */
import type { RunLog, WorkflowRun } from '@computepool/shared/money'
import type { RunLogs } from '../../money/activity-store.ts'
import { shortHex } from '../format/format-money.ts'
import { formatMs } from '../format/format-number.ts'
import { TransactionHash } from '../money/TransactionHash.tsx'

export interface RunListProps {
  readonly runs: readonly WorkflowRun[]
  readonly logs: ReadonlyMap<string, RunLogs>
  readonly explorerUrl: string | null
  readonly onOpen: (executionId: string) => void
}

export function RunList({ runs, logs, explorerUrl, onOpen }: RunListProps) {
  return (
    <section className="stack" aria-labelledby="runs">
      <h2 id="runs">Workflow runs</h2>
      {runs.length === 0 ? (
        <p className="hint">No run yet. Streams that start or stop, and refunds, appear here.</p>
      ) : null}
      <div className="rows">
        {runs.map(run => (
          <details
            key={run.executionId}
            className="row-drawer"
            data-testid="run-row"
            data-status={run.status}
            data-run={run.executionId}
            onToggle={event => {
              if (event.currentTarget.open) onOpen(run.executionId)
            }}
          >
            <summary>
              <strong>{run.workflow}</strong>
              <span className={`chip ${chipOf(run.status)}`}>{run.status}</span>
              <span className="hint">{new Date(run.startedAtMs).toLocaleString()}</span>
              <span className="hint">
                {run.completedAtMs === null ? 'not finished' : formatMs(run.completedAtMs - run.startedAtMs)}
              </span>
              {run.sessionId === null ? null : (
                <code title={run.sessionId} className="hint">
                  {shortHex(run.sessionId)}
                </code>
              )}
            </summary>
            {run.error === null ? null : (
              <p className="notice" role="note">
                {run.error}
              </p>
            )}
            {run.transactionHashes.map(hash => (
              <TransactionHash key={hash} hash={hash} explorerUrl={explorerUrl} />
            ))}
            <Logs found={logs.get(run.executionId)} />
          </details>
        ))}
      </div>
    </section>
  )
}

function Logs({ found }: { found: RunLogs | undefined }) {
  if (found === undefined || (found.status === 'asking' && found.logs.length === 0))
    return <p className="hint">Asking for the logs.</p>
  if (found.status === 'failed') return <p className="hint">The logs could not be read. Close and open to ask again.</p>
  if (found.logs.length === 0) return <p className="hint">This run has logged nothing.</p>
  return (
    <ol className="run-logs">
      {found.logs
        .toSorted((a, b) => a.startedAtMs - b.startedAtMs)
        .map((log, index) => {
          const key = `${log.nodeId}-${index}`
          return (
            <li key={key} data-testid="run-log" data-status={log.status}>
              <p>
                <strong>{log.nodeName}</strong> <span className="hint">{log.nodeType}</span>{' '}
                <span className={`chip ${chipOf(log.status)}`}>{log.status}</span>{' '}
                <span className="hint">{formatMs(log.durationMs)}</span>
              </p>
              {log.error === null ? null : <p className="notice">{log.error}</p>}
              <details className="disclosure">
                <summary>Input and output</summary>
                <pre className="log-text">{shown(log)}</pre>
              </details>
            </li>
          )
        })}
    </ol>
  )
}

const longestLog = 20_000

function shown({ input, output }: RunLog): string {
  const text = JSON.stringify({ input, output }, null, 2)
  return text.length <= longestLog ? text : `${text.slice(0, longestLog)}\n… cut`
}

function chipOf(status: string): string {
  if (status === 'success') return 'is-ready'
  return status === 'error' || status === 'system_error' ? 'is-lost' : ''
}
