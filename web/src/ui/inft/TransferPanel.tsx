/**
 * A token's way to its next owner, or a clone's to whom gets it: the receiver publishes a key, the owner has it prepared, the receiver opens and
 * signs, the owner sends.
 */
import type { InftToken, TransferView } from '@computepool/shared/inft'
import { type FormEvent, useId, useState } from 'react'
import { isRunning } from '../../inft/acts-store.ts'
import { ErrorPanel } from '../operate/ErrorPanel.tsx'
import { useServices } from '../shell/services.ts'
import { useStore } from '../stores/use-store.ts'
import { ActProgress } from './ActProgress.tsx'
import { AddressField } from './AddressField.tsx'
import { IntelligenceView } from './IntelligenceView.tsx'
import { localTime } from './local-time.ts'
import { isSameAddress, transferWords } from './token-words.ts'

export interface TransferPanelProps {
  readonly token: InftToken
  readonly isOwner: boolean
  /** Why the wallet cannot act; null where it can. */
  readonly obstacle: string | null
}

export function TransferPanel({ token, isOwner, obstacle }: TransferPanelProps) {
  const { acts } = useServices()
  const { transfers, error, account } = useStore(acts)
  const shown = transfers.filter(({ tokenId }) => tokenId === token.tokenId)
  return (
    <section className="stack" aria-labelledby="transfer">
      <h2 id="transfer">Transfer and clone</h2>
      <p>
        The token changes hands with its intelligence: an oracle encrypts it anew for the receiver, whose old owner’s
        key opens nothing new. What the old owner has read, it cannot forget. Money for it is between the two of you.
      </p>
      <p>
        A clone is a token of its own with the same intelligence, encrypted for its receiver. The owner keeps this one,
        and the pool stays with it; from then on each changes by itself.
      </p>
      {isOwner ? <OfferForm obstacle={obstacle} /> : <KeyPanel obstacle={obstacle} />}
      {error === null ? null : <ErrorPanel error={error} />}
      {account === null || shown.length === 0 ? null : (
        <ul className="rows" data-testid="transfers" aria-label="Transfers from and to this wallet">
          {shown.map(transfer => (
            <Transfer key={transfer.id} transfer={transfer} account={account} obstacle={obstacle} />
          ))}
        </ul>
      )}
    </section>
  )
}

function OfferForm({ obstacle }: { obstacle: string | null }) {
  const { acts } = useServices()
  const isBusy = isRunning(useStore(acts).act)
  const [to, setTo] = useState('')
  const hintId = useId()
  const cannot = isBusy || obstacle !== null || to.trim() === ''
  function submit(event: FormEvent) {
    event.preventDefault()
    void acts.offer({ to, isClone: false })
  }
  return (
    <form className="stack" data-testid="offer-form" onSubmit={submit}>
      <AddressField label="Receiver’s address" testId="offer-to" value={to} onChange={setTo} />
      <div className="offer-buttons">
        <button
          type="submit"
          className="button act-button"
          data-testid="offer"
          disabled={cannot}
          aria-describedby={hintId}
        >
          Prepare the transfer
        </button>
        <button
          type="button"
          className="button act-button"
          data-testid="offer-clone"
          disabled={cannot}
          aria-describedby={hintId}
          onClick={() => void acts.offer({ to, isClone: true })}
        >
          Prepare a clone
        </button>
      </div>
      <p id={hintId} className="hint">
        {obstacle ??
          'Two signatures at most and no transaction: nothing moves yet. The receiver must have published its key on this page.'}
      </p>
      <ActProgress kinds={['offer', 'offer-clone']} />
    </form>
  )
}

function KeyPanel({ obstacle }: { obstacle: string | null }) {
  const { acts } = useServices()
  const { act, hasKey } = useStore(acts)
  const hintId = useId()
  return (
    <div className="stack" data-testid="key-panel" data-has-key={hasKey ?? 'unknown'}>
      <p>
        {hasKey === true
          ? 'This wallet has published its encryption key: the owner can have the token prepared for it.'
          : 'To receive the token, publish an encryption key first. It is derived from a text that your wallet signs.'}
      </p>
      <button
        type="button"
        className="button act-button"
        data-testid="publish-key"
        disabled={isRunning(act) || obstacle !== null}
        aria-describedby={hintId}
        onClick={() => void acts.publishKey()}
      >
        {hasKey === true ? 'Publish it anew' : 'Publish my encryption key'}
      </button>
      <p id={hintId} className="hint">
        {obstacle ??
          'Two signatures of the same text, which must be equal, then one transaction. It works with ordinary accounts, not with smart accounts or passkeys. Whoever has that signature can read what is sealed to you: sign the text on pages that you trust only.'}
      </p>
      <ActProgress kinds={['publish']} />
    </div>
  )
}

interface TransferProps {
  readonly transfer: TransferView
  readonly account: string
  readonly obstacle: string | null
}

function Transfer({ transfer, account, obstacle }: TransferProps) {
  const { acts } = useServices()
  const { act, opened } = useStore(acts)
  const { id, state, from, to, isClone } = transfer
  const cannot = isRunning(act) || obstacle !== null
  return (
    <li className="finding-row" data-testid="transfer-row" data-state={state}>
      <p>
        <span className={`chip ${state === 'over' ? 'is-lost' : 'is-ready'}`}>{state}</span>{' '}
        {transferWords(transfer, account, localTime)}
      </p>
      {state === 'prepared' && isSameAddress(to, account) ? (
        <button
          type="button"
          className="button primary act-button"
          data-testid="accept"
          disabled={cannot}
          onClick={() => void acts.accept(id)}
        >
          Open and sign
        </button>
      ) : null}
      {state === 'accepted' && isSameAddress(from, account) ? (
        <button
          type="button"
          className="button primary act-button"
          data-testid={isClone ? 'send-clone' : 'hand-over'}
          disabled={cannot}
          onClick={() => void acts.handOver(id)}
        >
          {isClone ? 'Send the clone' : 'Hand the token over'}
        </button>
      ) : null}
      <ActProgress kinds={['accept', 'hand-over', 'clone']} subject={id} />
      {opened?.of === id ? <IntelligenceView intelligence={opened.intelligence} testId="received" /> : null}
    </li>
  )
}
