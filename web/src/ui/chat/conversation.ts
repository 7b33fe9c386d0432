/**
 * Conversations and what can happen to them: pure transitions over one list. Ids and times arrive as arguments; the network and
 * the archive are the chat store's.
 */
import { attestationKinds } from '@computepool/shared/attestation'
import { z } from 'zod'

export const answerFiguresSchema = z.object({
  tokens: z.number().nullable(),
  tokensPerSecond: z.number().nullable(),
  timeToFirstTokenMs: z.number().nullable(),
  directHops: z.number().nullable(),
  finishReason: z.string().nullable(),
  /** Rings that were lost under the answer. */
  moves: z.number().optional(),
  /** Tokens of the prompt that an earlier answer's caches held. */
  cachedTokens: z.number().optional(),
  /** The peers of the ring that ended it, the entry first. */
  route: z.array(z.string()).nullable().optional(),
  /** `cap`: the session's money ended the answer. */
  stoppedBy: z.string().nullable().optional(),
  /** Decimal digits: what the answer cost, in atomic units of USDC; absent where work is free. */
  costAtomic: z
    .string()
    .regex(/^\d{1,31}$/)
    .nullable()
    .optional(),
  /** What the orchestrator said that vouches for it; absent where it said nothing. */
  attestation: z.enum(['none', ...attestationKinds]).optional(),
})
/** What was measured of one answer. */
export type AnswerFigures = z.infer<typeof answerFiguresSchema>

export const answerErrorSchema = z.object({
  code: z.string(),
  message: z.string(),
  retryAfterSeconds: z.number().nullable(),
})
export type AnswerError = z.infer<typeof answerErrorSchema>

export const messageSchema = z.object({
  id: z.string(),
  role: z.enum(['user', 'assistant']),
  content: z.string(),
  /** A question is always `done`. */
  status: z.enum(['streaming', 'done', 'stopped', 'failed']),
  model: z.string().nullable(),
  figures: answerFiguresSchema.nullable(),
  error: answerErrorSchema.nullable(),
  /** Under which the orchestrator knows it, for a while; absent where it was never taken. */
  requestId: z.string().max(100).optional(),
})
export type Message = z.infer<typeof messageSchema>

export const conversationSchema = z.object({
  id: z.string(),
  title: z.string(),
  /** False while the title is only the first question's beginning. */
  isRenamed: z.boolean(),
  updatedAt: z.number(),
  messages: z.array(messageSchema),
})
export type Conversation = z.infer<typeof conversationSchema>

const longestTitle = 60

export function question(id: string, content: string): Message {
  return { id, role: 'user', content, status: 'done', model: null, figures: null, error: null }
}

export function emptyAnswer(id: string, model: string | null): Message {
  return { id, role: 'assistant', content: '', status: 'streaming', model, figures: null, error: null }
}

export function newConversation(id: string, now: number): Conversation {
  return { id, title: 'New conversation', isRenamed: false, updatedAt: now, messages: [] }
}

/** Adds messages at the end; the first question names a conversation that has no name of its own. */
export function appendMessages(conversation: Conversation, messages: readonly Message[], now: number): Conversation {
  const all = [...conversation.messages, ...messages]
  const first = all.find(message => message.role === 'user')
  const title = conversation.isRenamed || first === undefined ? conversation.title : titleFrom(first.content)
  return { ...conversation, title, updatedAt: now, messages: all }
}

/** Drops the message with `id` and everything after it. */
export function cutBefore(conversation: Conversation, id: string): Conversation {
  const at = conversation.messages.findIndex(message => message.id === id)
  return at < 0 ? conversation : { ...conversation, messages: conversation.messages.slice(0, at) }
}

/** Changes one message; a conversation without it comes back as it was. */
export function changeMessage(
  conversation: Conversation,
  id: string,
  change: (message: Message) => Message,
): Conversation {
  if (!conversation.messages.some(message => message.id === id)) return conversation
  return {
    ...conversation,
    messages: conversation.messages.map(message => (message.id === id ? change(message) : message)),
  }
}

/** An empty name gives the conversation back its first question as title. */
export function rename(conversation: Conversation, title: string): Conversation {
  const trimmed = title.trim()
  if (trimmed !== '') return { ...conversation, title: trimmed, isRenamed: true }
  const first = conversation.messages.find(message => message.role === 'user')
  return { ...conversation, title: first ? titleFrom(first.content) : 'New conversation', isRenamed: false }
}

/** An answer that was streaming when the page went away is shown as stopped. */
export function settle(conversation: Conversation): Conversation {
  if (!conversation.messages.some(message => message.status === 'streaming')) return conversation
  const messages = conversation.messages.map(message =>
    message.status === 'streaming' ? { ...message, status: 'stopped' as const } : message,
  )
  return { ...conversation, messages }
}

/** What goes to the model: questions, and answers that have text. */
export function promptOf(messages: readonly Message[]): { role: 'user' | 'assistant'; content: string }[] {
  return messages
    .filter(message => message.role === 'user' || message.content !== '')
    .map(({ role, content }) => ({ role, content }))
}

function titleFrom(text: string): string {
  const line = text.trim().replace(/\s+/g, ' ')
  return line.length <= longestTitle ? line : `${line.slice(0, longestTitle - 1).trimEnd()}…`
}
