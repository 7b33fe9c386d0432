/** Who may read along: whether the text goes to trusted ends alone, said with what that means in this pool. */
import type { PoolSnapshot } from '@computepool/shared/swarm'
import { useId } from 'react'
import { Link } from '../router/Link.tsx'
import { isStakedPool } from '../trust/trust-words.ts'

export interface TrustedEndsProps {
  readonly isOn: boolean
  readonly pool: PoolSnapshot | null
  readonly onChange: (isOn: boolean) => void
}

export function TrustedEnds({ isOn, pool, onChange }: TrustedEndsProps) {
  const wordsId = useId()
  return (
    <div className="trusted-ends">
      <label className="choice">
        <input
          type="checkbox"
          data-testid="trusted-ends"
          checked={isOn}
          aria-describedby={wordsId}
          onChange={event => onChange(event.target.checked)}
        />
        <strong>Only trusted ends</strong>
      </label>
      <span className="hint" id={wordsId} data-testid="trusted-words">
        {trustedWords(isOn, pool)}
      </span>{' '}
      <Link to="/trust" className="hint">
        What each seat can see
      </Link>
    </div>
  )
}

function trustedWords(isOn: boolean, pool: PoolSnapshot | null): string {
  if (!isOn) return 'Entry and exit see the text, whoever they are.'
  return pool !== null && !isStakedPool(pool)
    ? 'This pool is unstaked, so nobody’s ends are trusted: messages are refused.'
    : 'Entry and exit are staked and of good standing, or the message is refused. Whoever checks the entry sees the text too.'
}
