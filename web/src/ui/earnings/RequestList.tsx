/** The latest requests and this key's share of each. */
import type { Earnings } from '@computepool/shared/money'
import { formatWei } from '../format/format-money.ts'
import { ScrollRegion } from '../shell/ScrollRegion.tsx'

export function RequestList({ requests, isTest }: { requests: Earnings['requests']; isTest: boolean }) {
  if (requests.length === 0) return <p className="hint">No paid request yet.</p>
  return (
    <details className="disclosure" data-testid="earnings-requests">
      <summary>
        {requests.length} paid {requests.length === 1 ? 'request' : 'requests'}
      </summary>
      <ScrollRegion label="Paid requests">
        <table>
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">Request</th>
              <th scope="col">Earned</th>
            </tr>
          </thead>
          <tbody>
            {requests.map(({ requestId, atMs, amountWei }) => (
              <tr key={requestId} data-wei={amountWei.toString()}>
                <th scope="row">{new Date(atMs).toLocaleString()}</th>
                <td>
                  <code>{requestId.slice(0, 12)}</code>
                </td>
                <td>{formatWei(amountWei, isTest)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollRegion>
    </details>
  )
}
