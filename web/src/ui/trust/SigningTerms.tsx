/** Before joining: what this tab's key will sign without asking again, what can take the stake, and the most it may be. */
import { type ReactNode, useId } from 'react'
import { plainAtomic } from '../format/format-money.ts'
import { Link } from '../router/Link.tsx'
import { type AskedStake, mostStakeOf, usualMost } from './most-stake.ts'
import { stakeAmountWords } from './trust-words.ts'
import { useIsTestMoney } from './use-is-test-money.ts'

export interface SigningTermsProps {
  readonly asked: AskedStake
  /** What the reader wrote; empty: the usual amount. */
  readonly mostText: string
  readonly onMost: (text: string) => void
}

export function SigningTerms({ asked, mostText, onMost }: SigningTermsProps) {
  if (asked === 'free') return null
  const field = <MostStake asked={asked} mostText={mostText} onMost={onMost} />
  if (asked !== 'none') return <AskedNow asked={asked}>{field}</AskedNow>
  return (
    <details className="disclosure" data-testid="signing-later">
      <summary>Stake: none is asked for now</summary>
      <div className="stack signing-terms">
        <p>
          Should this pool ask for a stake while you serve, the key of this browser signs for it by itself, up to what
          you allow here. <Link to="/trust#stakes">What a stake is for</Link>
        </p>
        {field}
      </div>
    </details>
  )
}

function AskedNow({ asked, children }: { asked: bigint; children: ReactNode }) {
  const isTest = useIsTestMoney()
  const amount = stakeAmountWords(String(asked), isTest) ?? 'its stake'
  return (
    <section className="stack signing-terms" aria-label="Before you join" data-testid="signing-terms">
      <p>
        <strong>This is a staked pool.</strong> Once you hold layers, the key of this browser signs by itself, without a
        prompt:
      </p>
      <ul className="plain-list">
        <li>
          the <strong>terms</strong> of a coalition: the model, your layers, everybody’s units, the price and until
          when, after comparing them with what this tab was given;
        </li>
        <li>
          that <strong>{amount}</strong> of this key’s own money go to the registry on the chain as your stake, and
          nowhere else.
        </li>
      </ul>
      <p>
        A check that finds your layers computed wrongly can take all of it, by a verdict of the auditors; work withheld
        or receipts that do not meet, half. Leaving brings the rest back after the unbonding time. Without a stake you
        may serve, but are not paid.
      </p>
      {children}
      <p className="links-line">
        <Link to="/trust#stakes">What a stake is for</Link>
      </p>
    </section>
  )
}

function MostStake({ asked, mostText, onMost }: { asked: bigint | 'none' } & Omit<SigningTermsProps, 'asked'>) {
  const problemId = useId()
  const hintId = useId()
  const most = mostStakeOf(mostText, asked)
  return (
    <div className="field">
      <label className="field">
        <span className="field-head">Most to stake within a day</span>
        <input
          type="text"
          inputMode="decimal"
          data-testid="most-stake"
          placeholder={plainAtomic(usualMost(asked))}
          maxLength={20}
          value={mostText}
          aria-describedby={most === null ? problemId : hintId}
          {...(most === null ? { 'aria-invalid': true } : {})}
          onChange={event => onMost(event.target.value)}
        />
      </label>
      {most === null ? (
        <p id={problemId} className="field-problem" role="alert">
          Enter an amount with up to six decimals, or leave it empty.
        </p>
      ) : (
        <p id={hintId} className="hint">
          {asked !== 'none' && most < asked
            ? 'Less than is asked: this tab will refuse the terms, and its work will not be paid.'
            : 'More is refused, whatever the pool says. Each offer that is signed counts, from joining on: one that comes to nothing is made anew. 0 stakes nothing.'}
        </p>
      )}
    </div>
  )
}
