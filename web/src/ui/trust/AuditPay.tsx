/** Which auditors have units of the pool for checks, as it tells: for what they computed within the hour, and somebody vouched for confirmed. */
import type { PoolSnapshot } from '@computepool/shared/swarm'
import { shortHex } from '../format/format-money.ts'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'
import { auditPayWords } from './trust-words.ts'

export function AuditPay({ pool: { auditPay = [] } }: { pool: PoolSnapshot }) {
  const { terms } = useServices()
  const isFree = useStore(terms).status === 'free'
  return (
    <section className="audit-pay" aria-labelledby="audit-pay" data-testid="audit-pay">
      <h3 id="audit-pay">Auditors’ pay</h3>
      <p>{auditPayWords(auditPay, isFree)}</p>
      {auditPay.length === 0 ? null : (
        <ul className="rows">
          {auditPay.map(({ operator, checks, units }) => (
            <li key={operator} data-testid="audit-share">
              <code title={operator}>{shortHex(operator)}</code>: {units} {units === 1 ? 'unit' : 'units'}, for {checks}{' '}
              {checks === 1 ? 'check' : 'checks'} of the last hour
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
