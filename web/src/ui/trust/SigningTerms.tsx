/** Before joining a staked pool: what this tab's key will sign without asking again, what can take the stake, and the most it may be. */
import { useId } from 'react'
import { parseUsdc, plainAtomic } from '../format/format-money.ts'
import { Link } from '../router/Link.tsx'
import { stakeAmountWords } from './trust-words.ts'
import { useIsTestMoney } from './use-is-test-money.ts'

export interface SigningTermsProps {
  /** What the pool asks of each member. */
  readonly askedAtomic: string
  /** What the reader wrote; empty: a few times what is asked. */
  readonly mostText: string
  readonly onMost: (text: string) => void
}

/** Terms that come to nothing, because a member went, are offered anew; a key cannot tell whether a stake that it signed was taken. */
const usualTimes = 5n

/** The most that the key signs away within a day; null where the text is no amount. */
export function mostStakeOf(mostText: string, askedAtomic: string): bigint | null {
  return mostText.trim() === '' ? BigInt(askedAtomic) * usualTimes : parseUsdc(mostText)
}

export function SigningTerms({ askedAtomic, mostText, onMost }: SigningTermsProps) {
  const isTest = useIsTestMoney()
  const problemId = useId()
  const amount = stakeAmountWords(askedAtomic, isTest) ?? 'its stake'
  const most = mostStakeOf(mostText, askedAtomic)
  const usual = plainAtomic(BigInt(askedAtomic) * usualTimes)
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
      <label className="field">
        <span className="field-head">Most to stake within a day</span>
        <input
          type="text"
          inputMode="decimal"
          data-testid="most-stake"
          placeholder={usual}
          maxLength={20}
          value={mostText}
          {...(most === null ? { 'aria-invalid': true, 'aria-describedby': problemId } : {})}
          onChange={event => onMost(event.target.value)}
        />
        <span className="hint">
          {most !== null && most < BigInt(askedAtomic)
            ? 'Less than is asked: this tab will refuse the terms, and its work will not be paid.'
            : 'More is refused, whatever the pool says. Each offer that is signed counts: one that comes to nothing is made anew. 0 stakes nothing.'}
        </span>
      </label>
      {most === null ? (
        <p id={problemId} className="field-problem" role="alert">
          Enter an amount with up to six decimals, or leave it empty.
        </p>
      ) : null}
      <p className="links-line">
        <Link to="/trust#stakes">What a stake is for</Link>
      </p>
    </section>
  )
}
