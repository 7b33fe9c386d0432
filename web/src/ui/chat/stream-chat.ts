/**
 * One chat request to the OpenAI endpoint of this origin, as a stream of events. It knows the wire's shape and nothing of
 * conversations. A refusal is an event like any other: only the caller's own abort ends the stream without one.
 */
import { createParser } from 'eventsource-parser'
import { z } from 'zod'
import { attestationOf } from '../stores/attestation-store.ts'
import type { AnswerError, AnswerFigures } from './conversation.ts'

export interface ChatRequest {
  readonly model: string
  readonly messages: readonly { readonly role: 'user' | 'assistant' | 'system'; readonly content: string }[]
  readonly temperature?: number
  readonly max_tokens?: number
  readonly seed?: number
  readonly computepool?: { readonly trusted: true }
}

export type ChatEvent =
  /** First, where the orchestrator took the request: the id under which it can be asked for. */
  | { readonly type: 'taken'; readonly requestId: string }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'finished'; readonly figures: AnswerFigures }
  | { readonly type: 'failed'; readonly error: AnswerError }

const errorBodySchema = z.looseObject({
  error: z.looseObject({ message: z.string(), code: z.string().nullish(), type: z.string().nullish() }),
})
const chunkSchema = z.looseObject({
  choices: z
    .array(
      z.looseObject({
        delta: z.looseObject({ content: z.string().nullish() }).optional(),
        finish_reason: z.string().nullish(),
      }),
    )
    .default([]),
  usage: z
    .looseObject({
      completion_tokens: z.number(),
      prompt_tokens_details: z.looseObject({ cached_tokens: z.number().nullish() }).nullish(),
    })
    .nullish(),
  computepool: z
    .looseObject({
      timeToFirstTokenMs: z.number().nullish(),
      tokensPerSecond: z.number().nullish(),
      directHops: z.number().nullish(),
      stoppedBy: z.string().nullish(),
      moves: z.number().nullish(),
      route: z.array(z.looseObject({ peer: z.string() })).nullish(),
      payment: z.looseObject({ costAtomic: z.string().regex(/^\d{1,31}$/) }).nullish(),
    })
    .nullish(),
})

export const noFigures: AnswerFigures = {
  tokens: null,
  tokensPerSecond: null,
  timeToFirstTokenMs: null,
  directHops: null,
  finishReason: null,
}

/** Sends `request` and yields what comes back; ends after `finished` or `failed`, or silently once `signal` aborts. */
export async function* streamChat(
  request: ChatRequest,
  signal: AbortSignal,
  fetchImpl: typeof fetch = fetch,
): AsyncGenerator<ChatEvent> {
  let response: Response
  try {
    response = await fetchImpl('/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...request, stream: true, stream_options: { include_usage: true } }),
      signal,
    })
  } catch {
    if (!signal.aborted)
      yield failed('unreachable', 'The orchestrator did not answer. Check that it runs, then try again.')
    return
  }
  if (!response.ok || response.body === null) {
    yield await refusalOf(response)
    return
  }
  const requestId = response.headers.get('x-request-id')
  if (requestId !== null) yield { type: 'taken', requestId }
  const attestation = attestationOf(response.headers)
  yield* readEvents(response.body, signal, attestation === null ? noFigures : { ...noFigures, attestation })
}

/** Parses the server-sent events of a chat completion; `start`: what is known of the answer already. */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
  start: AnswerFigures = noFigures,
): AsyncGenerator<ChatEvent> {
  const arrived: string[] = []
  const parser = createParser({ onEvent: event => arrived.push(event.data) })
  const decoder = new TextDecoder()
  const reader = body.getReader()
  let figures = start
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      parser.feed(decoder.decode(value, { stream: true }))
      for (const data of arrived.splice(0)) {
        if (data === '[DONE]') {
          yield { type: 'finished', figures }
          return
        }
        const event = parseChunk(data, figures)
        if (event.failed !== null) {
          yield event.failed
          return
        }
        figures = event.figures
        if (event.text !== '') yield { type: 'text', text: event.text }
      }
    }
  } catch {
    if (!signal.aborted) yield failed('connection_lost', 'The connection broke while the answer was streaming.')
    return
  } finally {
    void reader.cancel().catch(() => {})
  }
  if (signal.aborted) return
  if (figures.finishReason !== null) yield { type: 'finished', figures }
  else yield failed('connection_lost', 'The stream ended before the answer did.')
}

function parseChunk(
  data: string,
  before: AnswerFigures,
): { text: string; figures: AnswerFigures; failed: ChatEvent | null } {
  const json = parseJson(data)
  const refused = errorBodySchema.safeParse(json)
  if (refused.success) {
    const { message, code, type } = refused.data.error
    return { text: '', figures: before, failed: failed(code ?? type ?? 'server_error', message) }
  }
  const chunk = chunkSchema.safeParse(json)
  if (!chunk.success) {
    const problem = failed('unreadable', 'The answer came in a shape this page does not know. Reload the page.')
    return { text: '', figures: before, failed: problem }
  }
  const { choices, usage, computepool } = chunk.data
  const stoppedBy = computepool?.stoppedBy ?? before.stoppedBy ?? null
  const moves = computepool?.moves ?? before.moves ?? 0
  const cachedTokens = usage?.prompt_tokens_details?.cached_tokens ?? before.cachedTokens ?? 0
  const route = computepool?.route?.map(({ peer }) => peer) ?? before.route ?? null
  const costAtomic = computepool?.payment?.costAtomic ?? before.costAtomic ?? null
  const figures: AnswerFigures = {
    tokens: usage?.completion_tokens ?? before.tokens,
    tokensPerSecond: computepool?.tokensPerSecond ?? before.tokensPerSecond,
    timeToFirstTokenMs: computepool?.timeToFirstTokenMs ?? before.timeToFirstTokenMs,
    directHops: computepool?.directHops ?? before.directHops,
    finishReason: choices[0]?.finish_reason ?? before.finishReason,
    ...(stoppedBy === null ? {} : { stoppedBy }),
    ...(costAtomic === null ? {} : { costAtomic }),
    ...(moves > 0 ? { moves } : {}),
    ...(cachedTokens > 0 ? { cachedTokens } : {}),
    ...(route === null || route.length === 0 ? {} : { route }),
    ...(before.attestation === undefined ? {} : { attestation: before.attestation }),
  }
  return { text: choices[0]?.delta?.content ?? '', figures, failed: null }
}

async function refusalOf(response: Response): Promise<ChatEvent> {
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN)
  const retryAfterSeconds = Number.isFinite(retryAfter) ? retryAfter : null
  const body = errorBodySchema.safeParse(parseJson(await response.text().catch(() => '')))
  if (!body.success)
    return failed(`http_${response.status}`, `The server answered ${response.status}.`, retryAfterSeconds)
  const { message, code, type } = body.data.error
  return failed(code ?? type ?? `http_${response.status}`, message, retryAfterSeconds)
}

function failed(code: string, message: string, retryAfterSeconds: number | null = null): ChatEvent {
  return { type: 'failed', error: { code, message, retryAfterSeconds } }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
