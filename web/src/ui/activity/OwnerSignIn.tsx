/** Where the owner's token is entered, once a tab. */
import { useState } from 'react'

export function OwnerSignIn({ onToken }: { onToken: (token: string) => void }) {
  const [text, setText] = useState('')
  return (
    <form
      className="panel stack"
      aria-label="Owner"
      onSubmit={event => {
        event.preventDefault()
        onToken(text)
      }}
    >
      <label className="field">
        <span className="field-head">The owner’s token</span>
        <input
          type="password"
          data-testid="owner-token"
          autoComplete="off"
          spellCheck={false}
          maxLength={512}
          value={text}
          onChange={event => setText(event.target.value)}
        />
        <span className="hint">
          The orchestrator printed it at its start and keeps it in its data folder. This tab remembers it until it is
          closed.
        </span>
      </label>
      <button type="submit" className="button primary" data-testid="owner-sign-in" disabled={text.trim() === ''}>
        Look
      </button>
    </form>
  )
}
