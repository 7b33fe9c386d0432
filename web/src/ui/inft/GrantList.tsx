/** Whom the owner authorised, and until when; for the owner, with a way to authorise and to revoke. */
import type { InftToken } from '@computepool/shared/inft'
import { type FormEvent, useId, useState } from 'react'
import { isRunning } from '../../inft/acts-store.ts'
import { shortHex } from '../format/format-money.ts'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'
import { ActProgress } from './ActProgress.tsx'
import { Address } from './Address.tsx'
import { AddressField } from './AddressField.tsx'
import { localTime } from './local-time.ts'
import { endWords } from './token-words.ts'

export function GrantList({
  token,
  isOwner,
  obstacle,
}: {
  token: InftToken
  isOwner: boolean
  obstacle: string | null
}) {
  const { acts } = useServices()
  const isBusy = isRunning(useStore(acts).act)
  return (
    <section className="stack" aria-labelledby="grants">
      <h2 id="grants">Who is authorised</h2>
      {token.authorised.length === 0 ? <p className="hint">Nobody beside the owner.</p> : null}
      <ul className="rows" data-testid="grants">
        {token.authorised.map(({ user, expiresAt }) => (
          <li key={user} className="finding-row grant-row" data-testid="grant-row" data-user={user.toLowerCase()}>
            <p>
              <Address of={user} name="the address" /> {endWords(expiresAt, localTime)}
            </p>
            {isOwner ? (
              <button
                type="button"
                className="button small"
                data-testid="revoke"
                aria-label={`Revoke ${shortHex(user)}`}
                disabled={isBusy || obstacle !== null}
                onClick={() => void acts.revoke(user)}
              >
                Revoke
              </button>
            ) : null}
          </li>
        ))}
      </ul>
      {isOwner ? <GrantForm isBusy={isBusy} obstacle={obstacle} /> : null}
      <ActProgress kinds={['grant', 'revoke']} />
      <p className="hint">
        At most 100 at a time. A transfer of the token ends them all. Where they end by themselves, the chain’s clock
        counts; a revocation is felt within seconds.
      </p>
    </section>
  )
}

function GrantForm({ isBusy, obstacle }: { isBusy: boolean; obstacle: string | null }) {
  const { acts } = useServices()
  const [user, setUser] = useState('')
  const [end, setEnd] = useState('')
  const endId = useId()
  const hintId = useId()
  function submit(event: FormEvent) {
    event.preventDefault()
    // An input that holds half a date holds none.
    const endMs = end === '' ? 0 : new Date(end).getTime()
    void acts.grant(user, Number.isFinite(endMs) ? Math.floor(endMs / 1000) : 0)
  }
  return (
    <form className="stack" data-testid="grant-form" onSubmit={submit}>
      <div className="withdraw-fields">
        <AddressField label="Address to authorise" testId="grant-user" value={user} onChange={setUser} />
        <span className="field">
          <label className="field-head" htmlFor={endId}>
            End (empty: until revoked)
          </label>
          <input
            id={endId}
            type="datetime-local"
            data-testid="grant-end"
            value={end}
            onChange={event => setEnd(event.target.value)}
          />
        </span>
      </div>
      <button
        type="submit"
        className="button primary act-button"
        data-testid="grant"
        disabled={isBusy || obstacle !== null || user.trim() === ''}
        aria-describedby={hintId}
      >
        Authorise
      </button>
      <p id={hintId} className="hint">
        {obstacle ??
          'One transaction of your wallet, for its gas. An address that is authorised already gets the new end.'}
      </p>
    </form>
  )
}
