/** What this browser's key earns: a balance that grows by the chain's own rate, today and in all, where it came from, and the way out. */
import type { PaidTerms } from '@computepool/shared/money'
import { useEffect } from 'react'
import type { EarningsView } from '../../money/earnings-store.ts'
import { amountAtWei } from '../../money/earnings-tick.ts'
import { formatWei, shortHex, steadyWei } from '../format/format-money.ts'
import { formatShare, unmeasured } from '../format/format-number.ts'
import { MoneyFigure } from '../money/MoneyFigure.tsx'
import { ErrorPanel } from '../operate/ErrorPanel.tsx'
import { CalmReport } from '../shell/CalmReport.tsx'
import { CopyButton } from '../shell/CopyButton.tsx'
import { useServices } from '../shell/services.ts'
import { useFrameClock } from '../shell/use-frame-clock.ts'
import { useStore } from '../stores/use-store.ts'
import { DayChart } from './DayChart.tsx'
import { KeyPanel } from './KeyPanel.tsx'
import { RequestList } from './RequestList.tsx'
import { todayWei } from './today.ts'
import { WithdrawForm } from './WithdrawForm.tsx'
import { ZerogLine } from './ZerogLine.tsx'

export default function PaidEarnings({ terms }: { terms: PaidTerms }) {
  const { earnings: store } = useServices()
  const view = useStore(store)
  useEffect(() => store.watch(terms), [store, terms])
  const isTest = terms.chain.isEmbedded
  return (
    <section className="panel money-panel" aria-label="Earnings" data-testid="earnings" data-operator={view.operator}>
      <h2>Earnings</h2>
      {isTest ? <p className="hint">In test money: it is worth nothing.</p> : null}
      {view.chain === null ? <p className="hint">Reading the chain.</p> : <Figures view={view} isTest={isTest} />}
      {view.readError === null ? null : <ErrorPanel error={view.readError} />}
      {view.chain === null ? null : <Share view={view} />}
      {view.operator === null ? null : <ZerogLine operator={view.operator} />}
      {view.chain === null ? null : <Connection view={view} isTest={isTest} />}
      {view.chain === null ? null : <WithdrawForm view={view} terms={terms} />}
      {view.error === null ? null : <ErrorPanel error={view.error} />}
      {view.history === null ? null : (
        <>
          <DayChart days={view.history.days} isTest={isTest} />
          <RequestList requests={view.history.requests} isTest={isTest} />
        </>
      )}
      <KeyPanel />
    </section>
  )
}

function Figures({ view, isTest }: { view: EarningsView; isTest: boolean }) {
  const { nowMs } = useServices()
  const { balance, received, history } = view
  const isMoving = balance !== null && balance.ratePerSecondWei !== 0n
  const now = useFrameClock(isMoving, nowMs)
  const balanceWei = balance === null ? 0n : amountAtWei(balance, now)
  const receivedWei = received === null ? 0n : amountAtWei(received, now)
  const today = history === null ? null : todayWei(history.days, Date.now())
  // Of the figure beside it, so that the two never disagree.
  const rateWei = balance?.ratePerSecondWei ?? 0n
  const words = () =>
    `${formatWei(balance === null ? 0n : amountAtWei(balance, nowMs()), isTest)} to withdraw. ${isMoving ? 'Earning now.' : 'Nothing streams now.'}`
  return (
    <>
      <dl className="figures money-figures">
        <MoneyFigure name="To withdraw" testId="earnings-balance" wei={balanceWei} isMoney>
          {steadyWei(balanceWei)}
        </MoneyFigure>
        <MoneyFigure name="Rate now" testId="earnings-rate" wei={rateWei}>
          {isMoving ? `${formatWei(rateWei * 60n, isTest)}/min` : 'nothing streams'}
        </MoneyFigure>
        <MoneyFigure name="Today (UTC)" testId="earnings-today" {...(today === null ? {} : { wei: today })}>
          {today === null ? unmeasured : formatWei(today, isTest)}
        </MoneyFigure>
        <MoneyFigure name="In all" testId="earnings-total" wei={receivedWei}>
          {formatWei(receivedWei, isTest)}
        </MoneyFigure>
      </dl>
      <CalmReport isMoving={isMoving} words={words} />
    </>
  )
}

function Share({ view }: { view: EarningsView }) {
  const { tab } = useServices()
  const serving = useStore(tab).peer?.split('.')[0]?.toLowerCase() ?? null
  const { chain, operator } = view
  if (chain === null || operator === null) return null
  const share = chain.totalUnits === 0n ? 0 : Number((chain.units * 10_000n) / chain.totalUnits) / 10_000
  return (
    <p className="hint">
      {chain.units === 0n
        ? 'This key has no share in the pool yet: shares follow the layers held, weighted by measured speed.'
        : `This key holds ${chain.units} of ${chain.totalUnits} units: ${formatShare(share)} of what the coalition is paid.`}{' '}
      Paid to <code title={operator}>{shortHex(operator)}</code>{' '}
      <CopyButton text={operator} label="Copy the operator’s address" />
      {serving === null || serving === operator
        ? null
        : ` This tab serves, and earns, with another key: ${shortHex(serving)}. Leave and join again to use this one.`}
    </p>
  )
}

function Connection({ view, isTest }: { view: EarningsView; isTest: boolean }) {
  const { earnings } = useServices()
  const { chain, busy } = view
  if (chain === null) return null
  if (chain.isConnected) {
    return (
      <p className="hint" data-testid="pool-connection" data-connected="true">
        Connected to the pool: the balance grows on chain by itself.
      </p>
    )
  }
  return (
    <div data-testid="pool-connection" data-connected="false">
      <p className="hint">
        Not connected to the pool: {formatWei(chain.claimableWei, isTest)} wait there for this key, and withdrawing
        claims them. Nothing is lost meanwhile.
      </p>
      {chain.units === 0n ? null : (
        <button
          type="button"
          className="button small"
          data-testid="connect-pool"
          disabled={busy !== 'none'}
          onClick={() => void earnings.connectPool()}
        >
          {busy === 'connecting' ? 'Connecting' : 'Connect to the pool'}
        </button>
      )}
    </div>
  )
}
