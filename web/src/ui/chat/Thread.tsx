/** The messages of one conversation. It follows the answer down while the reader is at the end, and stays put once they scroll up. */
import { useLayoutEffect, useRef } from 'react'
import { Answer } from './Answer.tsx'
import type { Conversation } from './conversation.ts'
import { Question } from './Question.tsx'

export interface ThreadProps {
  readonly conversation: Conversation | null
  readonly streamingId: string | null
  readonly model: string | null
  readonly onRegenerate: (messageId: string) => void
  readonly onEdit: (messageId: string, text: string) => void
}

/** Within this of the end the reader counts as following. */
const followPx = 80

export function Thread({ conversation, streamingId, model, onRegenerate, onEdit }: ThreadProps) {
  const box = useRef<HTMLElement>(null)
  const isFollowing = useRef(true)
  const messages = conversation?.messages ?? []
  const last = messages.at(-1)
  // biome-ignore lint/correctness/useExhaustiveDependencies: runs when the text grows
  useLayoutEffect(() => {
    const element = box.current
    if (element !== null && isFollowing.current) element.scrollTop = element.scrollHeight
  }, [last?.content, last?.status, messages.length])
  return (
    <section
      ref={box}
      className="thread"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: without a tab stop a keyboard cannot scroll it
      tabIndex={0}
      aria-label="Messages"
      data-testid="thread"
      onScroll={event => {
        const { scrollHeight, scrollTop, clientHeight } = event.currentTarget
        isFollowing.current = scrollHeight - scrollTop - clientHeight < followPx
      }}
    >
      {messages.length === 0 ? <Opening model={model} /> : null}
      {messages.map(message =>
        message.role === 'user' ? (
          <Question key={message.id} message={message} onEdit={text => onEdit(message.id, text)} />
        ) : (
          <Answer
            key={message.id}
            message={message}
            isStreaming={message.id === streamingId}
            onRegenerate={() => onRegenerate(message.id)}
          />
        ),
      )}
    </section>
  )
}

function Opening({ model }: { model: string | null }) {
  return (
    <div className="opening">
      <p>{model === null ? 'Looking for a model.' : `${model}, computed by the tabs of the ring.`}</p>
      <p className="hint">
        Conversations stay in this browser. The tabs that hold the first and the last layers can read what you write.
      </p>
    </div>
  )
}
