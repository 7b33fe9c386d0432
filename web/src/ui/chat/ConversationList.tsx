/** The conversations kept in this browser: open, begin, rename, delete. */
import { useState } from 'react'
import type { ChatStore, ChatView } from '../stores/chat-store.ts'
import type { Conversation } from './conversation.ts'

export interface ConversationListProps {
  readonly view: ChatView
  readonly chat: ChatStore
  /** Beside the thread there is room for the list; above it, it opens on demand. */
  readonly isWide: boolean
}

export function ConversationList({ view, chat, isWide }: ConversationListProps) {
  return (
    <nav className="conversations" aria-label="Conversations">
      <button type="button" className="button" data-testid="new-conversation" onClick={chat.startNew}>
        New conversation
      </button>
      <details key={String(isWide)} open={isWide} className="conversation-drawer">
        <summary>
          {view.conversations.length === 0 ? 'No conversations yet' : `Conversations: ${view.conversations.length}`}
        </summary>
        <ul>
          {view.conversations.map(conversation => (
            <Entry
              key={conversation.id}
              conversation={conversation}
              isOpen={conversation.id === view.currentId}
              chat={chat}
            />
          ))}
        </ul>
      </details>
    </nav>
  )
}

function Entry({ conversation, isOpen, chat }: { conversation: Conversation; isOpen: boolean; chat: ChatStore }) {
  const [mode, setMode] = useState<'plain' | 'renaming' | 'deleting'>('plain')
  const { id, title } = conversation
  if (mode === 'renaming') {
    return (
      <li>
        <RenameForm
          title={title}
          onDone={next => {
            if (next !== null) chat.rename(id, next)
            setMode('plain')
          }}
        />
      </li>
    )
  }
  return (
    <li className={isOpen ? 'is-open' : ''}>
      <button
        type="button"
        className="conversation-title"
        {...(isOpen ? { 'aria-current': 'true' as const } : {})}
        onClick={() => chat.open(id)}
      >
        {title}
      </button>
      {!isOpen ? null : mode === 'deleting' ? (
        <span className="conversation-acts">
          <button type="button" className="button small" onClick={() => chat.remove(id)}>
            Delete for good
          </button>
          <button type="button" className="button quiet small" onClick={() => setMode('plain')}>
            Keep
          </button>
        </span>
      ) : (
        <span className="conversation-acts">
          <button
            type="button"
            className="button quiet small"
            aria-label={`Rename ${title}`}
            onClick={() => setMode('renaming')}
          >
            Rename
          </button>
          <button
            type="button"
            className="button quiet small"
            aria-label={`Delete ${title}`}
            onClick={() => setMode('deleting')}
          >
            Delete
          </button>
        </span>
      )}
    </li>
  )
}

function RenameForm({ title, onDone }: { title: string; onDone: (title: string | null) => void }) {
  const [text, setText] = useState(title)
  return (
    <form
      className="rename"
      onSubmit={event => {
        event.preventDefault()
        onDone(text)
      }}
    >
      <input
        type="text"
        value={text}
        aria-label="Name of the conversation"
        // biome-ignore lint/a11y/noAutofocus: the reader has just asked to rename it
        autoFocus
        onChange={event => setText(event.target.value)}
        onKeyDown={event => {
          if (event.key === 'Escape') onDone(null)
        }}
      />
      <button type="submit" className="button small">
        Save
      </button>
    </form>
  )
}
