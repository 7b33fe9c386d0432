/** The way out: how much, where to, a look before it goes, then what was sent, with its transactions. */
import type { PaidTerms } from '@computepool/shared/money'
import { useId, useState } from 'react'
import type { EarningsView } from '../../money/earnings-store.ts'
import { availableAtomic } from '../../money/withdrawal.ts'
import { currencyName, formatAtomic, parseUsdc } from '../format/format-money.ts'
import { TransactionHash } from '../money/TransactionHash.tsx'
import { useServices } from '../shell/services.ts'

const busyWords: Readonly<Record<EarningsView['busy'], string>> = {
  none: '',
  connecting: '',
  gas: 'Asking the faucet for gas.',
  claim: 'Claiming what waits in the pool.',
  unwrap: 'Unwrapping and sending.',
}

export function WithdrawForm({ view, terms }: { view: EarningsView; terms: PaidTerms }) {
  const { earnings } = useServices()
  const [to, setTo] = useState('')
  const [amountText, setAmountText] = useState('')
  const [isAsking, setAsking] = useState(false)
  const problemId = useId()
  const { chain, busy, result } = view
  if (chain === null) return null
  const isTest = terms.chain.isEmbedded
  const money = (amount: bigint) => formatAtomic(amount, isTest)
  const available = availableAtomic(chain)
  const wanted = amountText.trim() === '' ? available : parseUsdc(amountText)
  const obstacle = obstacleOf(wanted, available, to)
  // An address half written is not yet a wrong one.
  const toProblem = looksLikeAddress(to) ? earnings.problemOfReceiver(to) : null
  const isBusy = busy !== 'none'
  return (
    <form
      className="stack"
      aria-label="Withdraw"
      onSubmit={event => {
        event.preventDefault()
        if (obstacle === null && toProblem === null) setAsking(true)
      }}
    >
      <div className="withdraw-fields">
        <div className="field">
          <label className="field">
            <span className="field-head">Withdraw to</span>
            <input
              type="text"
              data-testid="withdraw-to"
              placeholder="0x…"
              autoComplete="off"
              spellCheck={false}
              maxLength={60}
              value={to}
              disabled={isAsking || isBusy}
              {...(toProblem === null ? {} : { 'aria-invalid': true, 'aria-describedby': problemId })}
              onChange={event => setTo(event.target.value)}
            />
          </label>
          {toProblem === null ? null : (
            <p
              id={problemId}
              className="field-problem"
              role="alert"
              data-testid="withdraw-to-problem"
              data-code={toProblem.code}
            >
              {toProblem.message} {toProblem.remedy}
            </p>
          )}
        </div>
        <label className="field">
          <span className="field-head">Amount</span>
          <input
            type="text"
            inputMode="decimal"
            data-testid="withdraw-amount"
            placeholder="all of it"
            maxLength={20}
            value={amountText}
            disabled={isAsking || isBusy}
            onChange={event => setAmountText(event.target.value)}
          />
        </label>
      </div>
      {isAsking && wanted !== null ? (
        <div className="notice" role="alert">
          <p>
            {amountText.trim() === '' ? `All of it, ${money(wanted)} and what comes in meanwhile,` : money(wanted)} will
            leave as {currencyName(isTest)} to <code>{to.trim()}</code> on {terms.chain.name}. It cannot be called back.
            {gasWords(chain.funds.nativeWei, terms.hasFaucet)}
          </p>
          <div className="acts">
            <button
              type="button"
              className="button small"
              data-testid="withdraw-confirm"
              onClick={() => {
                setAsking(false)
                void earnings.withdraw(to, amountText.trim() === '' ? null : wanted)
              }}
            >
              Send it
            </button>
            <button type="button" className="button quiet small" onClick={() => setAsking(false)}>
              Not yet
            </button>
          </div>
        </div>
      ) : (
        <button
          type="submit"
          className="button"
          data-testid="withdraw"
          disabled={isBusy || obstacle !== null || toProblem !== null}
        >
          Withdraw
        </button>
      )}
      <p className="hint" aria-live="polite" data-testid="withdraw-status" data-step={busy}>
        {isBusy ? busyWords[busy] : obstacle}
      </p>
      {result === null ? null : (
        <div
          className="notice"
          role="status"
          data-testid="withdraw-result"
          data-atomic={result.amountAtomic.toString()}
        >
          <p>
            {money(result.amountAtomic)} went to <code>{result.to}</code>.
          </p>
          <ul className="transactions">
            {result.transactions.map(({ kind, hash }) => (
              <li key={hash}>
                <span>{kind === 'claim' ? 'Claimed from the pool' : 'Unwrapped and sent'}</span>
                <TransactionHash hash={hash} explorerUrl={terms.chain.explorerUrl} testId="withdraw-tx" />
              </li>
            ))}
          </ul>
        </div>
      )}
    </form>
  )
}

function obstacleOf(wanted: bigint | null, available: bigint, to: string): string | null {
  if (available === 0n) return 'There is nothing to withdraw yet.'
  if (wanted === null || wanted === 0n) return 'Enter an amount with up to six decimals, or leave it empty for all.'
  if (wanted > available) return 'That is more than there is.'
  if (!looksLikeAddress(to)) return 'Enter the address that shall receive it.'
  return null
}

const looksLikeAddress = (text: string): boolean => /^0x[0-9a-fA-F]{40}$/.test(text.trim())

function gasWords(nativeWei: bigint, hasFaucet: boolean): string {
  if (nativeWei > 0n) return ' This key pays the gas.'
  return hasFaucet ? ' The faucet gives this key its gas first.' : ' This key has no gas yet: send it some first.'
}
