/** A session: ask by it, look at it, close it, keep its receipt. Whoever holds its token holds what is left of its cap. */
import { receiptSchema, sessionViewSchema } from '@computepool/shared/money'
import type { Hex } from 'viem'
import type { Answer } from './answer.ts'
import { type AnswerStream, askChat, type ChatRequest, streamChat } from './ask-chat.ts'
import { askJson, chunksOf, refusalOf, send } from './ask-pool.ts'
import type { CallOptions, PoolDoor } from './pool-door.ts'
import { PoolError, type PoolErrorKind } from './pool-error.ts'
import { createEventReader } from './read-events.ts'
import { freeReceipt, receiptOf, viewOf } from './read-receipt.ts'
import type { Receipt, SessionView } from './session-view.ts'

export interface Session {
  readonly pool: string
  readonly model: string
  /** Null where work is free, as is the token. */
  readonly id: Hex | null
  readonly capAtomic: bigint
  /** The API key of any OpenAI client, with `openAiBaseUrl`. Keep it as you keep money. */
  readonly token: string | null
  readonly openAiBaseUrl: string
  /** What an OpenAI client must send besides its key (`defaultHeaders`): the access token of a private pool, or nothing. */
  readonly headers: Readonly<Record<string, string>>
  /** Errors: `cap_spent`, `session_over`, `ring_gone`, `busy`, `refused`, `unreachable`. Default time-out: 10 minutes. */
  chat(request: ChatRequest, options?: CallOptions): Promise<Answer>
  /** Pieces of text as they come; leaving the loop stops the answer. Errors: as `chat`, and `answer_cut`. `timeoutMs` is of silence, 3 minutes by default. */
  stream(request: ChatRequest, options?: CallOptions): AnswerStream
  /** Null where work is free. */
  view(options?: CallOptions): Promise<SessionView | null>
  receipt(options?: CallOptions): Promise<Receipt>
  /**
   * Stops what runs, waits until the chain has refunded, and gives the receipt. Safe to repeat. Errors: `chain` where that takes longer than
   * `timeoutMs`, 3 minutes by default: the refund is on its way then.
   */
  close(options?: CallOptions): Promise<Receipt>
}

export interface HeldSession {
  readonly door: PoolDoor
  readonly model: string
  readonly id: Hex | null
  readonly capAtomic: bigint
  readonly token: string | null
}

const current = '/v1/sessions/current'
const closeTimeoutMs = 180_000
const retryMs = 1_000

export function holdSession({ door: open, model, id, capAtomic, token }: HeldSession): Session {
  const pool = open.origin
  const door: PoolDoor =
    token === null ? open : { ...open, headers: { ...open.headers, authorization: `Bearer ${token}` } }
  const readView = async (options: CallOptions = {}): Promise<SessionView> =>
    viewOf(await askJson(door, current, sessionViewSchema, options))
  const readReceipt = async (options: CallOptions = {}): Promise<Receipt> =>
    token === null
      ? freeReceipt(pool)
      : receiptOf(pool, await askJson(door, `${current}/receipt`, receiptSchema, options))

  const close = async ({ signal, timeoutMs = closeTimeoutMs }: CallOptions): Promise<Receipt> => {
    if (token === null) return freeReceipt(pool)
    const deadline = AbortSignal.timeout(timeoutMs)
    const stop = signal === undefined ? deadline : AbortSignal.any([signal, deadline])
    try {
      const asked = await askJson(door, current, sessionViewSchema, { method: 'DELETE', signal: stop })
      if (!isOver(asked.status)) await untilOver(door, stop)
      return await readReceipt({ signal: stop })
    } catch (thrown) {
      if (signal?.aborted === true) throw signal.reason
      if (!deadline.aborted) throw thrown
      throw new PoolError({
        kind: 'chain',
        code: 'sdk_close_slow',
        message: `The session was not closed on the chain within ${timeoutMs} ms.`,
        remedy:
          'Call close() again: the end was asked for already. Its payer can also end it at the vault: end(sessionId).',
      })
    }
  }

  return {
    pool,
    model,
    id,
    capAtomic,
    token,
    openAiBaseUrl: `${pool}/v1`,
    headers: open.headers,
    chat: (request, options) => askChat(door, model, request, options),
    stream: (request, options) => streamChat(door, model, request, options),
    view: async options => (token === null ? null : readView(options)),
    receipt: readReceipt,
    close: (options = {}) => close(options),
  }
}

const final: readonly PoolErrorKind[] = ['session_over', 'not_allowed', 'refused']

const isOver = (status: string): boolean => status === 'closed' || status === 'refused'

/** Follows the session's own events, opened again where they break, until it is over or `stop` aborts. */
async function untilOver(door: PoolDoor, stop: AbortSignal): Promise<void> {
  for (;;) {
    try {
      const response = await send(door, `${current}/events`, { signal: stop, timeoutMs: null })
      if (!response.ok) throw await refusalOf(response)
      const events = createEventReader()
      for await (const bytes of chunksOf(response)) {
        for (const { data } of events(bytes)) {
          const view = sessionViewSchema.safeParse(JSON.parse(data))
          if (view.success && isOver(view.data.status)) return
        }
      }
    } catch (thrown) {
      stop.throwIfAborted()
      // The session itself is refused: asking again changes nothing. All else is a connection that broke.
      if (thrown instanceof PoolError && final.includes(thrown.kind)) throw thrown
    }
    await pause(retryMs, stop)
  }
}

function pause(delayMs: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (stop.aborted) return reject(stop.reason)
    const end = () => {
      clearTimeout(timer)
      reject(stop.reason)
    }
    const timer = setTimeout(() => {
      stop.removeEventListener('abort', end)
      resolve()
    }, delayMs)
    stop.addEventListener('abort', end, { once: true })
  })
}
