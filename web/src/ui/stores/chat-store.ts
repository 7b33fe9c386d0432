/**
 * The chat of one page: conversations, the answer that is streaming, and the commands that change them. It knows the archive and
 * the stream as functions; it knows no component.
 */
import {
  type AnswerFigures,
  appendMessages,
  type Conversation,
  changeMessage,
  cutBefore,
  emptyAnswer,
  type Message,
  newConversation,
  promptOf,
  question,
  rename,
} from '../chat/conversation.ts'
import type { ConversationArchive } from '../chat/conversation-archive.ts'
import { defaultSettings, type SamplingSettings } from '../chat/sampling-settings.ts'
import type { ChatEvent, ChatRequest } from '../chat/stream-chat.ts'
import { createExternalStore, type ReadableStore } from './external-store.ts'

export interface ChatView {
  readonly status: 'loading' | 'ready'
  /** False where the browser refuses to keep conversations. */
  readonly isLasting: boolean
  /** Newest first. */
  readonly conversations: readonly Conversation[]
  /** The open conversation; null before the first question. */
  readonly currentId: string | null
  /** The answer that is streaming, and where. */
  readonly streaming: { readonly conversationId: string; readonly messageId: string } | null
  readonly settings: SamplingSettings
}

export interface ChatStore extends ReadableStore<ChatView> {
  load(): Promise<void>
  startNew(): void
  open(id: string): void
  rename(id: string, title: string): void
  remove(id: string): void
  send(model: string, text: string): void
  stop(): void
  /** Draws the answer `messageId` again; everything after it goes. */
  regenerate(model: string, messageId: string): void
  /** Puts `text` in place of the question `messageId`; everything after it goes. */
  editAndResend(model: string, messageId: string, text: string): void
  changeSettings(settings: SamplingSettings): void
}

export interface ChatStoreParts {
  readonly archive: ConversationArchive
  readonly settings?: SamplingSettings
  stream(request: ChatRequest, signal: AbortSignal): AsyncIterable<ChatEvent>
  keepSettings(settings: SamplingSettings): void
  now(): number
  newId(): string
}

export function createChatStore(parts: ChatStoreParts): ChatStore {
  const store = createExternalStore<ChatView>({
    status: 'loading',
    isLasting: true,
    conversations: [],
    currentId: null,
    streaming: null,
    settings: parts.settings ?? defaultSettings,
  })
  let running: AbortController | null = null

  const view = store.getSnapshot
  const patch = (change: Partial<ChatView>) => store.set({ ...view(), ...change })
  const find = (id: string) => view().conversations.find(conversation => conversation.id === id)

  function put(conversation: Conversation): void {
    const others = view().conversations.filter(other => other.id !== conversation.id)
    patch({ conversations: [conversation, ...others].sort((a, b) => b.updatedAt - a.updatedAt) })
  }

  /** Writing may fail (a full disk): the conversation stays on the page, and the page says that it is not kept. */
  function keep(id: string): void {
    const conversation = find(id)
    if (conversation === undefined) return
    parts.archive.save(conversation).catch(() => patch({ isLasting: false }))
  }

  function changeAnswer(
    at: { conversationId: string; messageId: string },
    change: (message: Message) => Message,
  ): void {
    const conversation = find(at.conversationId)
    if (conversation === undefined) return
    const conversations = view().conversations.map(other =>
      other === conversation ? changeMessage(conversation, at.messageId, change) : other,
    )
    patch({ conversations })
  }

  /** Streams an answer to what `conversation` holds. */
  async function answer(conversation: Conversation, model: string): Promise<void> {
    const message = emptyAnswer(parts.newId(), model)
    const at = { conversationId: conversation.id, messageId: message.id }
    const controller = new AbortController()
    running = controller
    const prompt = promptOf(conversation.messages)
    put(appendMessages(conversation, [message], parts.now()))
    patch({ currentId: conversation.id, streaming: at })
    keep(conversation.id)
    let figures: AnswerFigures | null = null
    for await (const event of parts.stream(requestOf(model, prompt, view().settings), controller.signal)) {
      if (controller.signal.aborted) break
      if (event.type === 'taken') changeAnswer(at, old => ({ ...old, requestId: event.requestId }))
      else if (event.type === 'text') changeAnswer(at, old => ({ ...old, content: old.content + event.text }))
      else if (event.type === 'failed') changeAnswer(at, old => ({ ...old, status: 'failed', error: event.error }))
      else figures = event.figures
    }
    if (!controller.signal.aborted) {
      changeAnswer(at, old => (old.status === 'streaming' ? { ...old, status: 'done', figures } : old))
      if (running === controller) end()
    }
    keep(conversation.id)
  }

  function end(): void {
    running = null
    patch({ streaming: null })
  }

  function stop(): void {
    const at = view().streaming
    if (at === null) return
    running?.abort()
    changeAnswer(at, old => ({ ...old, status: 'stopped' }))
    end()
    keep(at.conversationId)
  }

  return {
    getSnapshot: view,
    subscribe: store.subscribe,
    async load() {
      const { conversations, isLasting } = await parts.archive.load()
      const known = new Set(view().conversations.map(conversation => conversation.id))
      const loaded = conversations.filter(conversation => !known.has(conversation.id))
      patch({ status: 'ready', isLasting, conversations: [...view().conversations, ...loaded] })
    },
    startNew: () => patch({ currentId: null }),
    open: id => patch({ currentId: find(id) ? id : null }),
    rename(id, title) {
      const conversation = find(id)
      if (conversation === undefined) return
      put(rename(conversation, title))
      keep(id)
    },
    remove(id) {
      if (view().streaming?.conversationId === id) stop()
      const conversations = view().conversations.filter(conversation => conversation.id !== id)
      patch({ conversations, currentId: view().currentId === id ? null : view().currentId })
      parts.archive.remove(id).catch(() => patch({ isLasting: false }))
    },
    send(model, text) {
      if (view().streaming !== null || text.trim() === '') return
      const current = view().currentId === null ? undefined : find(view().currentId ?? '')
      const conversation = current ?? newConversation(parts.newId(), parts.now())
      void answer(appendMessages(conversation, [question(parts.newId(), text)], parts.now()), model)
    },
    stop,
    regenerate(model, messageId) {
      const conversation = conversationOf(view(), messageId)
      if (conversation === undefined) return
      stop()
      void answer(cutBefore(find(conversation.id) ?? conversation, messageId), model)
    },
    editAndResend(model, messageId, text) {
      const conversation = conversationOf(view(), messageId)
      if (conversation === undefined || text.trim() === '') return
      stop()
      const cut = cutBefore(find(conversation.id) ?? conversation, messageId)
      void answer(appendMessages(cut, [question(parts.newId(), text)], parts.now()), model)
    },
    changeSettings(settings) {
      patch({ settings })
      parts.keepSettings(settings)
    },
  }
}

function conversationOf(view: ChatView, messageId: string): Conversation | undefined {
  return view.conversations.find(({ messages }) => messages.some(message => message.id === messageId))
}

function requestOf(model: string, messages: ChatRequest['messages'], settings: SamplingSettings): ChatRequest {
  return {
    model,
    messages,
    ...(settings.temperature === null ? {} : { temperature: settings.temperature }),
    ...(settings.maxTokens === null ? {} : { max_tokens: settings.maxTokens }),
    ...(settings.seed === null ? {} : { seed: settings.seed }),
    ...(settings.trustedEnds ? { computepool: { trusted: true as const } } : {}),
  }
}
