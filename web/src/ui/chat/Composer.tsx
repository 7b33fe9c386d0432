/** Where a question is written. Enter sends, Shift+Enter makes a line; while an answer streams, the button stops it. */
import { type KeyboardEvent, useState } from 'react'

export interface ComposerProps {
  readonly model: string | null
  readonly isStreaming: boolean
  /** Why nothing can be sent now, with what to do; null where it can. */
  readonly obstacle?: string | null
  readonly onSend: (text: string) => void
  readonly onStop: () => void
}

export function Composer({ model, isStreaming, obstacle = null, onSend, onStop }: ComposerProps) {
  const [text, setText] = useState('')
  const canSend = !isStreaming && obstacle === null && text.trim() !== ''
  function send() {
    if (!canSend) return
    onSend(text.trim())
    setText('')
  }
  function onKeyDown(event: KeyboardEvent) {
    // Enter also ends a composition of Chinese, Japanese or Korean text: that Enter is not meant for us.
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    send()
  }
  return (
    <form
      className="composer"
      onSubmit={event => {
        event.preventDefault()
        send()
      }}
    >
      <textarea
        rows={2}
        value={text}
        data-testid="composer"
        aria-label="Your message"
        placeholder={model === null ? 'Ask something' : `Ask ${model}`}
        onChange={event => setText(event.target.value)}
        onKeyDown={onKeyDown}
      />
      {isStreaming ? (
        <button type="button" className="button primary" data-testid="stop" onClick={onStop}>
          Stop
        </button>
      ) : (
        <button type="submit" className="button primary" data-testid="send" disabled={!canSend}>
          Send
        </button>
      )}
      {obstacle === null || text.trim() === '' ? null : (
        <p className="hint composer-obstacle" role="status" data-testid="composer-obstacle">
          {obstacle}
        </p>
      )}
    </form>
  )
}
