/** This tab's own stake: how it stands, how much, and what brings it back. What was told last stays to be read after leaving. */
import type { StakeFacts } from '@computepool/peer/runtime/peer-snapshot.ts'
import { useState } from 'react'
import { MoneyFigure } from '../money/MoneyFigure.tsx'
import { Link } from '../router/Link.tsx'
import { deskWords, ownStakeWords, stakeStateNames, wayBackWords } from './own-stake-words.ts'
import { stakeAmountWords } from './trust-words.ts'
import { useIsTestMoney } from './use-is-test-money.ts'

export function StakePanel({ stake }: { stake: StakeFacts | null }) {
  const [last, setLast] = useState(stake)
  if (stake !== null && stake !== last) setLast(stake)
  const shown = stake ?? last
  const isTest = useIsTestMoney(shown !== null && shown.state !== 'unstaked')
  if (shown === null) return null
  if (shown.state === 'unstaked') {
    return (
      <p className="hint" data-testid="own-stake" data-state="unstaked">
        {ownStakeWords(shown, isTest)}
      </p>
    )
  }
  const amount = shown.amountAtomic === '0' ? null : stakeAmountWords(shown.amountAtomic, isTest)
  const wayBack = wayBackWords(shown)
  const words = deskWords(shown)
  return (
    <section className="panel money-panel" aria-label="Your stake" data-testid="own-stake" data-state={shown.state}>
      <h2>Your stake</h2>
      <dl className="figures money-figures">
        <div>
          <dt>State</dt>
          <dd>{stakeStateNames[shown.state]}</dd>
        </div>
        {amount === null ? null : (
          <MoneyFigure name="Amount" testId="stake-amount" atomic={BigInt(shown.amountAtomic)} isMoney>
            {amount}
          </MoneyFigure>
        )}
        {shown.coalition === null ? null : (
          <div>
            <dt>Coalition</dt>
            <dd>{shown.coalition}</dd>
          </div>
        )}
      </dl>
      <p aria-live="polite">{ownStakeWords(shown, isTest)}</p>
      {words === null ? null : <p data-testid="stake-words">{words}</p>}
      {wayBack === null || stake === null ? null : <p className="hint">{wayBack}</p>}
      {stake === null && shown.state !== 'slashed' ? (
        <p className="hint">
          So it stood when this tab last heard of it. It has left since: as soon as the chain has its word of leaving,
          the stake unbonds, and comes back to this key by itself. Join again to see how it stands.
        </p>
      ) : null}
      <p className="links-line">
        <Link to="/disputes">Disputes</Link> <Link to="/trust#stakes">What a stake is for</Link>
      </p>
    </section>
  )
}
