/** One chat completion over a pool's door, in one piece or as it grows, hashed byte for byte on both ways. It knows no money. */
import { answerKeyHeader } from '@computepool/shared/attestation'
import { sha256 } from 'viem'
import type { Answer, AnswerEvidence } from './answer.ts'
import { chunksOf, joined, parsed, type Refusal, readBytes, refusalOf, refusedWith, send } from './ask-pool.ts'
import type { CallOptions, PoolDoor } from './pool-door.ts'
import { PoolError } from './pool-error.ts'
import { answerOf, type Chunk, chunkSchema, completionSchema } from './read-answer.ts'
import { createEventReader, type ServerEvent } from './read-events.ts'

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant' | (string & {})
  readonly content: string
}

/** OpenAI's body, in OpenAI's words; the pool's model where none is named. */
export interface ChatRequest {
  readonly messages: readonly ChatMessage[]
  readonly model?: string
  readonly temperature?: number
  readonly max_tokens?: number
  readonly [field: string]: unknown
}

export interface AnswerStream extends AsyncIterable<string> {
  /** The whole answer, when its last piece is here; reads on by itself where nobody iterates. */
  answer(): Promise<Answer>
  /** Stops the answer; what came until then is paid. */
  abort(): void
}

const path = '/v1/chat/completions'
/** The longest answer of one piece, and the longest silence in a stream: a queue may take a minute, a prompt longer. */
const answerTimeoutMs = 600_000
const silenceTimeoutMs = 180_000
/** Of a stream in all; kept to be hashed. */
const mostStreamBytes = 64 << 20

export async function askChat(
  door: PoolDoor,
  model: string,
  request: ChatRequest,
  { signal, timeoutMs = answerTimeoutMs }: CallOptions = {},
): Promise<Answer> {
  const body = bodyOf({ model, ...request, stream: false })
  const response = await send(door, path, { method: 'POST', headers: json, body, signal, timeoutMs })
  if (!response.ok) throw await refusalOf(response)
  const bytes = await readBytes(door, response, signal)
  const told = parsed(path, bytes, completionSchema)
  const [choice] = told.choices
  return answerOf({
    requestId: response.headers.get('x-request-id'),
    text: choice?.message.content ?? '',
    finishReason: choice?.finish_reason ?? null,
    told,
    evidence: evidenceOf(door, response, body, bytes),
  })
}

/** Nothing is asked before the first piece is wanted. `timeoutMs` is of silence. */
export function streamChat(
  door: PoolDoor,
  model: string,
  request: ChatRequest,
  { signal, timeoutMs = silenceTimeoutMs }: CallOptions = {},
): AnswerStream {
  const leave = new AbortController()
  let answer: Answer | null = null
  let isStarted = false
  let settle: { resolve(answer: Answer): void; reject(why: unknown): void } | null = null
  const over = new Promise<Answer>((resolve, reject) => {
    settle = { resolve, reject }
  })
  // Who only iterates is told there.
  over.catch(() => {})

  async function* pieces(): AsyncGenerator<string, void> {
    isStarted = true
    try {
      answer = yield* readAnswer(door, bodyOf(streamed(model, request)), { signal, timeoutMs, leave })
      settle?.resolve(answer)
    } catch (thrown) {
      settle?.reject(thrown)
      throw thrown
    } finally {
      leave.abort()
      settle?.reject(cut('sdk_stream_left', 'The answer was left before its end.', ''))
    }
  }
  const iterator = pieces()
  return {
    [Symbol.asyncIterator]: () => iterator,
    answer: async () => {
      if (!isStarted) for await (const _piece of iterator);
      return over
    },
    abort: () => leave.abort(),
  }
}

interface Reading {
  readonly signal: AbortSignal | undefined
  readonly timeoutMs: number
  readonly leave: AbortController
}

async function* readAnswer(
  door: PoolDoor,
  body: Uint8Array<ArrayBuffer>,
  { signal, timeoutMs, leave }: Reading,
): AsyncGenerator<string, Answer> {
  const watch = createSilenceWatch(timeoutMs)
  const stop = AbortSignal.any([leave.signal, watch.signal, ...(signal === undefined ? [] : [signal])])
  const parts: Uint8Array[] = []
  let size = 0
  let text = ''
  let finishReason: string | null = null
  let told: Chunk = { model: '', choices: [] }
  let isWhole = false
  const hear = ({ event, data }: ServerEvent): string => {
    if (data === '[DONE]') {
      isWhole = true
      return ''
    }
    const read = jsonOf(data)
    if (event === 'error') throw cutBy(read, text)
    const chunk = chunkSchema.safeParse(read)
    if (!chunk.success) throw cut('sdk_event_unreadable', 'The pool sent an event that cannot be read.', text)
    const { model, choices, usage, computepool } = chunk.data
    told = { model, choices, usage: usage ?? told.usage, computepool: computepool ?? told.computepool }
    finishReason = choices[0]?.finish_reason ?? finishReason
    return choices[0]?.delta?.content ?? ''
  }
  try {
    const response = await send(door, path, { method: 'POST', headers: json, body, signal: stop, timeoutMs: null })
    if (!response.ok) throw await refusalOf(response)
    const events = createEventReader()
    for await (const bytes of chunksOf(response)) {
      watch.touch()
      size += bytes.length
      if (size > mostStreamBytes)
        throw cut('sdk_answer_too_long', `The pool sent more than ${mostStreamBytes} bytes.`, text)
      parts.push(bytes)
      for (const event of events(bytes)) {
        const piece = hear(event)
        text += piece
        if (piece !== '') yield piece
      }
    }
    if (!isWhole) throw cut('sdk_stream_broken', 'The answer broke off before its end.', text)
    const requestId = response.headers.get('x-request-id')
    return answerOf({ requestId, text, finishReason, told, evidence: evidenceOf(door, response, body, joined(parts)) })
  } catch (thrown) {
    if (signal?.aborted === true) throw signal.reason
    if (watch.signal.aborted) throw cut('sdk_stream_silent', `The pool sent nothing for ${timeoutMs} ms.`, text)
    if (leave.signal.aborted) throw cut('sdk_stream_left', 'The answer was left before its end.', text)
    if (thrown instanceof PoolError) throw thrown
    throw cut('sdk_stream_broken', 'The answer broke off before its end.', text, thrown)
  } finally {
    watch.end()
  }
}

/** Aborts when nobody touched it for so long. */
function createSilenceWatch(timeoutMs: number) {
  const controller = new AbortController()
  const start = () => setTimeout(() => controller.abort(), timeoutMs)
  let timer = start()
  return {
    signal: controller.signal,
    touch: (): void => {
      clearTimeout(timer)
      timer = start()
    },
    end: (): void => clearTimeout(timer),
  }
}

const json = { 'content-type': 'application/json' }

const bodyOf = (value: unknown): Uint8Array<ArrayBuffer> => new TextEncoder().encode(JSON.stringify(value))

const streamed = (model: string, request: ChatRequest) => ({
  model,
  stream_options: { include_usage: true },
  ...request,
  stream: true,
})

function evidenceOf(door: PoolDoor, response: Response, sent: Uint8Array, received: Uint8Array): AnswerEvidence {
  return {
    pool: door.origin,
    signatureId: response.headers.get(answerKeyHeader),
    requestSha256: sha256(sent).slice(2),
    responseSha256: sha256(received).slice(2),
  }
}

function cut(code: string, message: string, partialText: string, cause?: unknown): PoolError {
  return new PoolError({ kind: 'answer_cut', code, message, partialText, ...(cause === undefined ? {} : { cause }) })
}

/** The pool's own last word of an answer that it could not finish. */
function cutBy(read: unknown, text: string): PoolError {
  const { error } = (read ?? {}) as { error?: Refusal }
  const told = refusedWith(typeof error?.message === 'string' ? error : null, 500, null)
  return cut(told.code, told.message, text)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
