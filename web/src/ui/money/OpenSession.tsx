/** Before the first paid message: the price, a cap, what is locked and by whom, what comes back; then one signature. */
import type { PaidTerms } from '@computepool/shared/money'
import { useEffect, useId, useState } from 'react'
import { capLastsMs } from '../../money/session-meter.ts'
import type { OpeningStep, SessionsView } from '../../money/session-store.ts'
import type { WalletView } from '../../wallet/wallet-store.ts'
import { currencyName, formatAtomic, parseUsdc, plainAtomic } from '../format/format-money.ts'
import { formatDuration } from '../format/format-number.ts'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'
import { capChoices } from './cap-choices.ts'
import { WalletPanel } from './WalletPanel.tsx'

const stepWords: Readonly<Record<OpeningStep, string>> = {
  idle: '',
  asking: 'Asking what to pay, and comparing it with the terms.',
  signing: 'Confirm in your wallet: one signature, no gas.',
  opening: 'Paid. The session opens with the next block.',
}

export function OpenSession({ terms, view }: { terms: PaidTerms; view: SessionsView }) {
  const { sessions, wallet: walletStore } = useServices()
  const wallet = useStore(walletStore)
  useEffect(() => void walletStore.look(terms), [walletStore, terms])
  const address = wallet.wallet?.address
  useEffect(() => {
    if (address !== undefined) void sessions.look(address)
  }, [sessions, address])
  const choices = capChoices(terms)
  const [text, setText] = useState(() => plainAtomic(choices[1] ?? choices[0] ?? terms.minCapAtomic))
  const capAtomic = parseUsdc(text)
  const isTest = terms.chain.isEmbedded
  const money = (amount: bigint) => formatAtomic(amount, isTest)
  const obstacle = obstacleOf({ terms, capAtomic, wallet, priceChange: view.priceChange })
  const walletObstacle = walletObstacleOf(terms, wallet)
  const headId = useId()
  const statusId = useId()
  const proofId = useId()
  const isBusy = view.step !== 'idle'

  if (view.unansweredCapAtomic !== null) {
    return (
      <section className="panel money-panel" data-testid="open-session" aria-labelledby={headId}>
        <h3 id={headId}>A signed payment waits for its answer</h3>
        <p>
          You signed {money(view.unansweredCapAtomic)}, and the answer was lost on the way. Sending the same voucher
          again opens that session and cannot be charged twice.
        </p>
        <button
          type="button"
          className="button primary"
          data-testid="send-again"
          disabled={isBusy}
          onClick={() => void sessions.sendAgain()}
        >
          Send it again
        </button>
      </section>
    )
  }
  return (
    <section className="panel money-panel" data-testid="open-session" aria-labelledby={headId}>
      <h3 id={headId}>
        {money(terms.pricePerSecondAtomic * 60n)} a minute while an answer is written, nothing in between
      </h3>
      {view.foundCapAtomic === null ? null : (
        <p className="notice" role="status" data-testid="found-session">
          You have an open session of {money(view.foundCapAtomic)} with this wallet.{' '}
          <button
            type="button"
            className="button small"
            data-testid="take-up"
            disabled={isBusy || walletObstacle !== null}
            aria-describedby={proofId}
            onClick={() => void sessions.takeUp()}
          >
            Take it up again
          </button>{' '}
          <span id={proofId} className="hint">
            {walletObstacle ?? 'One signature proves the wallet; nothing is paid.'}
          </span>
        </p>
      )}
      {view.priceChange === null ? null : (
        <p className="notice" role="alert" data-testid="price-change">
          The price has changed: {money(view.priceChange.isAtomic * 60n)} a minute, it was{' '}
          {money(view.priceChange.wasAtomic * 60n)}. Nothing was signed, and nothing was paid.{' '}
          <button type="button" className="button small" data-testid="agree-price" onClick={sessions.agreeToPrice}>
            Go on with the new price
          </button>
        </p>
      )}
      {isTest ? <p className="hint">Test money: it is worth nothing, and the faucet below gives it away.</p> : null}
      <form
        className="stack"
        onSubmit={event => {
          event.preventDefault()
          if (obstacle === null && capAtomic !== null) void sessions.open(capAtomic)
        }}
      >
        <fieldset className="field" disabled={isBusy}>
          <legend className="field-head">The most this session may cost</legend>
          <div className="cap-choices">
            {choices.map(choice => (
              <button
                key={choice.toString()}
                type="button"
                className="button small"
                data-testid={`cap-choice-${choice}`}
                aria-pressed={capAtomic === choice}
                onClick={() => setText(plainAtomic(choice))}
              >
                {plainAtomic(choice)}
              </button>
            ))}
            <input
              type="text"
              inputMode="decimal"
              className="cap-input"
              data-testid="cap-input"
              aria-label={`Cap in ${currencyName(isTest)}`}
              value={text}
              maxLength={20}
              onChange={event => setText(event.target.value)}
            />
            <span className="hint">{currencyName(isTest)}</span>
          </div>
          <span className="hint">
            {capAtomic === null ? '' : `About ${formatDuration(capLastsMs(capAtomic, terms))} of writing. `}
            {plainAtomic(terms.minCapAtomic)} to {plainAtomic(terms.maxCapAtomic)}.
          </span>
        </fieldset>
        <ul className="terms">
          <li>
            <strong>You pay</strong> the cap once, to the coalition’s vault. The vault can spend no more than it, and
            operators get only the seconds that ran.
          </li>
          <li>
            <strong>Locked meanwhile</strong> {money(terms.bufferPerRequestAtomic)} a running answer, as the stream’s
            buffer ({terms.bufferSeconds} s of it). The coalition’s reserve locks it, not you; the reserve has{' '}
            {money(terms.reserveFreeAtomic)} free.
          </li>
          <li>
            <strong>Back to you</strong> all that was not spent, to the same wallet, when you end the session. If this
            server dies, streams stop within {terms.leaseSeconds} s, and anyone may then send the rest back.
          </li>
        </ul>
        <WalletPanel terms={terms} />
        <button
          type="submit"
          className="button primary"
          data-testid="sign"
          disabled={isBusy || obstacle !== null}
          aria-describedby={statusId}
        >
          {capAtomic === null ? 'Sign and open' : `Sign and pay ${money(capAtomic)}`}
        </button>
        <p id={statusId} className="hint" aria-live="polite" data-testid="opening-status" data-step={view.step}>
          {isBusy ? stepWords[view.step] : (obstacle ?? 'One signature opens the session; there is no second prompt.')}
        </p>
      </form>
    </section>
  )
}

interface Facts {
  readonly terms: PaidTerms
  readonly capAtomic: bigint | null
  readonly wallet: WalletView
  readonly priceChange: SessionsView['priceChange']
}

/** Why the wallet cannot sign; null where it can. */
function walletObstacleOf({ chain }: PaidTerms, { wallet }: WalletView): string | null {
  if (wallet === null) return 'Connect a wallet first.'
  return wallet.isOnChain ? null : `Switch the wallet to ${chain.name} first.`
}

/** What keeps the button from being pressed, with what to do; null where nothing does. */
function obstacleOf({ terms, capAtomic, wallet, priceChange }: Facts): string | null {
  const money = (amount: bigint) => formatAtomic(amount, terms.chain.isEmbedded)
  if (priceChange !== null) return 'Agree to the new price first, or leave it: nothing was paid.'
  if (capAtomic === null) return 'Enter the cap as an amount with up to six decimals.'
  if (capAtomic < terms.minCapAtomic) return `Choose at least ${money(terms.minCapAtomic)}.`
  if (capAtomic > terms.maxCapAtomic) return `Choose at most ${money(terms.maxCapAtomic)}.`
  const walletObstacle = walletObstacleOf(terms, wallet)
  if (walletObstacle !== null) return walletObstacle
  if (wallet.funds !== null && wallet.funds.usdcAtomic < capAtomic)
    return `The wallet has ${money(wallet.funds.usdcAtomic)}: ${terms.hasFaucet ? 'ask the faucet, or choose a lower cap.' : 'add USDC, or choose a lower cap.'}`
  return null
}
