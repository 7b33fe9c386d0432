/** What the reader asked; it can be edited and sent again, which drops what came after. */
import { useState } from 'react'
import type { Message } from './conversation.ts'

export function Question({ message, onEdit }: { message: Message; onEdit: (text: string) => void }) {
  const [draft, setDraft] = useState<string | null>(null)
  if (draft === null) {
    return (
      <article className="question" aria-label="You" data-testid="question">
        <p className="question-text">{message.content}</p>
        <button
          type="button"
          className="button quiet small"
          data-testid="edit"
          onClick={() => setDraft(message.content)}
        >
          Edit
        </button>
      </article>
    )
  }
  return (
    <form
      className="question is-editing"
      onSubmit={event => {
        event.preventDefault()
        if (draft.trim() === '') return
        onEdit(draft.trim())
        setDraft(null)
      }}
    >
      <textarea
        rows={3}
        value={draft}
        aria-label="Edit your message"
        // biome-ignore lint/a11y/noAutofocus: the reader has just asked to edit it
        autoFocus
        onChange={event => setDraft(event.target.value)}
        onKeyDown={event => {
          if (event.key === 'Escape') setDraft(null)
        }}
      />
      <p className="hint">Sending replaces this message and drops what follows it.</p>
      <span className="acts">
        <button type="submit" className="button primary small">
          Send again
        </button>
        <button type="button" className="button quiet small" onClick={() => setDraft(null)}>
          Cancel
        </button>
      </span>
    </form>
  )
}
