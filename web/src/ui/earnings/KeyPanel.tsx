/** The key that earns: to copy somewhere safe, or to put another in its place. It is shown nowhere. */
import { useState } from 'react'
import { useServices } from '../shell/services.ts'

export function KeyPanel() {
  const { earnings } = useServices()
  const [isSure, setSure] = useState(false)
  const [words, setWords] = useState('')
  const [text, setText] = useState('')
  async function copy() {
    setSure(false)
    try {
      const key = await earnings.exportKey()
      if (key === null) return setWords('This browser keeps no key: it lasts as long as the page.')
      await navigator.clipboard.writeText(key)
      setWords('Copied. Paste it into a wallet or a safe place, then clear the clipboard.')
    } catch {
      setWords('The browser did not allow copying.')
    }
  }
  return (
    <details className="disclosure" data-testid="key-panel">
      <summary>The key that earns</summary>
      <div className="stack">
        <p className="hint">
          It was made in this browser and is kept only here. Clearing this site’s data deletes it, with all that it
          holds: withdraw first, or keep a copy.
        </p>
        <label className="choice">
          <input type="checkbox" checked={isSure} onChange={event => setSure(event.target.checked)} />
          <span>I know that whoever has the copy owns its money.</span>
        </label>
        <button type="button" className="button small" disabled={!isSure} onClick={() => void copy()}>
          Copy the private key
        </button>
        <p className="hint" aria-live="polite">
          {words}
        </p>
        <form
          className="stack"
          onSubmit={event => {
            event.preventDefault()
            setText('')
            void earnings.importKey(text)
          }}
        >
          <label className="field">
            <span className="field-head">Use another key here</span>
            <input
              type="password"
              autoComplete="off"
              maxLength={70}
              value={text}
              onChange={event => setText(event.target.value)}
            />
            <span className="hint">
              The present key is deleted: copy it first. A tab that serves goes on earning for the old key until it
              joins again.
            </span>
          </label>
          <button type="submit" className="button small" disabled={text === ''}>
            Replace the key
          </button>
        </form>
      </div>
    </details>
  )
}
