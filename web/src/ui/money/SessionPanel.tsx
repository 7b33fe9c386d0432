/** A session while it lives, and while it ends: spent, rate, what comes back, buffer, lease. The meter moves only while work runs. */
import type { PaidTerms } from '@computepool/shared/money'
import {
  isCapSpent,
  isMetering,
  leaseLeftSeconds,
  refundableNowAtomic,
  spentNowAtomic,
} from '../../money/session-meter.ts'
import { isOver, type SessionEntry } from '../../money/session-store.ts'
import { formatAtomic, formatWei, steadyAtomic } from '../format/format-money.ts'
import { unmeasured } from '../format/format-number.ts'
import { CalmReport } from '../shell/CalmReport.tsx'
import { useServices } from '../shell/services.ts'
import { useFrameClock } from '../shell/use-frame-clock.ts'
import { MoneyFigure } from './MoneyFigure.tsx'

export function SessionPanel({ entry, terms }: { entry: SessionEntry; terms: PaidTerms }) {
  const { sessions, nowMs } = useServices()
  const { view } = entry
  const isMoving = isMetering(entry)
  const now = useFrameClock(isMoving || view.leaseUntil !== null, nowMs)
  const money = (amount: bigint) => formatAtomic(amount, terms.chain.isEmbedded)
  const spent = spentNowAtomic(entry, now)
  const refundable = refundableNowAtomic(entry, now)
  const leaseLeft = leaseLeftSeconds(entry, now)
  const isEnding = isOver(entry)
  const isSpent = !isEnding && isCapSpent(entry, now)
  const words = () =>
    `${money(spentNowAtomic(entry, nowMs()))} of ${money(view.capAtomic)} spent. ${isMoving ? 'An answer is being written.' : 'The meter stands still.'}`
  return (
    <section
      className="panel money-panel"
      data-testid="session-panel"
      data-status={view.status}
      data-session={view.id}
      aria-label="Paid session"
    >
      <dl className="figures money-figures">
        <MoneyFigure name="Spent" testId="spent" atomic={spent} isMoney>
          {steadyAtomic(spent)}
        </MoneyFigure>
        <MoneyFigure name="Back to you at the end" testId="refundable" atomic={refundable}>
          {steadyAtomic(refundable)}
        </MoneyFigure>
        <MoneyFigure name="Rate on chain" testId="rate" wei={view.rateWei}>
          {view.rateWei === 0n ? 'nothing streams' : `${formatWei(view.rateWei * 60n, terms.chain.isEmbedded)}/min`}
        </MoneyFigure>
        <MoneyFigure name="Buffer, from the reserve" testId="buffer" atomic={view.bufferAtomic}>
          {money(view.bufferAtomic)}
        </MoneyFigure>
        <MoneyFigure name="Lease" testId="lease">
          {leaseLeft === null ? unmeasured : `${leaseLeft}\u202fs`}
        </MoneyFigure>
      </dl>
      <p className="session-foot">
        <span>{footWords(entry, money(view.capAtomic), isEnding)}</span>
        {isEnding ? null : (
          <button type="button" className="button small" data-testid="end-session" onClick={() => void sessions.end()}>
            End and refund
          </button>
        )}
      </p>
      {isSpent ? (
        <p className="notice" role="alert" data-testid="cap-spent">
          The cap of {money(view.capAtomic)} is spent, and answers stop here. To go on, end this session and open
          another with a cap of its own; {money(refundable)} come back.{' '}
          <button type="button" className="button small" data-testid="top-up" onClick={() => void sessions.end()}>
            Top up with a new session
          </button>
        </p>
      ) : null}
      {entry.connection === 'lost' ? (
        <p className="notice" role="status">
          The connection to the orchestrator broke: these figures are of its last message. If it stays away, the stream
          stops at its lease, and the rest of the cap stays yours.
        </p>
      ) : null}
      <CalmReport isMoving={isMoving} words={words} />
    </section>
  )
}

function footWords({ view, isEnding }: SessionEntry, cap: string, isOverNow: boolean): string {
  if (view.status === 'refused') return 'The payment was refused, and nothing moved.'
  if (isOverNow && (isEnding || view.status === 'closing'))
    return 'Ending: what ran is settled, and the rest is sent back.'
  if (isOverNow) return 'Closed. The receipt is being fetched.'
  if (view.status === 'opening') return `Opening, up to ${cap}.`
  const until = new Date(view.expiresAt * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
  return `Up to ${cap}. This session lives in this tab: end it before you close the tab, or the rest comes back after ${until}.`
}
