/** Reads a streaming answer to a screen reader sentence by sentence: token by token would be noise. */
import { completeSentences } from './complete-sentences.ts'
import type { Message } from './conversation.ts'

export function LiveAnswer({ message }: { message: Message | null }) {
  const sentences = message === null ? [] : completeSentences(message.content)
  return (
    <div className="visually-hidden" aria-live="polite" aria-atomic="false">
      {sentences.map((sentence, index) => {
        const key = `${message?.id}-${index}`
        return <p key={key}>{sentence}</p>
      })}
    </div>
  )
}
