/**
 * An answer as an HTTP response, in one piece or as events. The status line waits for the first text, so that a failure before it
 * is still a proper HTTP error; after it, a failure is the last event.
 */
import { openAiErrorOf } from '@computepool/shared/openai'
import type { LiveRequest } from '../dispatch/index.ts'
import type { MeteredRequest } from '../payments/meter.ts'
import type { AnswerFacts, AnswerPart } from './answer.ts'
import type { PreparedPrompt } from './model-service.ts'
import { type SseEvent, sseBody, sseHeaders } from './sse.ts'

/** How an endpoint words its chunks; each returns the JSON of one. */
export interface ChunkWords {
  /** Before the text; null where the endpoint has none. */
  first(): unknown | null
  part(part: AnswerPart): unknown
  last(facts: AnswerFacts): unknown
  /** After the last, where usage was asked for. */
  usage(facts: AnswerFacts): unknown | null
  whole(parts: readonly AnswerPart[], facts: AnswerFacts): unknown
}

/** The HTTP call behind an answer. */
export interface Call {
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal
  /** Runs once, when nothing more will be sent; not where the call failed before its answer began. */
  readonly onEnd: () => void
  /** Takes the payment, once the body was found good; null where work is free. */
  readonly admit: (size: PromptSize) => Promise<Admission | null>
  /** Where the call comes from. */
  readonly address: string
  /** True where many may come from that address: a proxy's that is not trusted to say for whom it speaks. */
  readonly isAddressShared?: boolean
}

/** How long a prompt is, and how long its answer may become. */
export interface PromptSize {
  readonly promptTokens: number
  readonly maxTokens: number
}

/** What hears of an answer that is paid for. */
export interface AdmittedRequest extends Pick<MeteredRequest, 'observer' | 'abandon'> {
  attach(live: Pick<LiveRequest, 'cutShort' | 'seats'>): void
  /** For the answer itself; absent where its price is not by the second. */
  readonly payment?: MeteredRequest['payment']
  /** The answer has its end, and this is told of its length. */
  onAnswered?(usage: AnswerFacts['usage']): void
}

/** The right to one answer, paid. */
export interface Admission {
  readonly request: AdmittedRequest
  /** Whose turn it takes. */
  readonly sessionId: string
  /** The session's; lower case. */
  readonly payer: string
  /** For the answer, and for an error in its place: the payment's receipt. */
  readonly headers: Readonly<Record<string, string>>
}

export interface AnswerResponseOptions extends Omit<Call, 'admit' | 'address' | 'isAddressShared'> {
  readonly live: LiveRequest
  readonly answer: AsyncGenerator<AnswerPart, AnswerFacts>
  readonly words: ChunkWords
  readonly isStream: boolean
  readonly admission: Admission | null
}

/** What narrows whose caches a request may begin with: OpenAI's two fields. */
export interface CacheNarrowing {
  readonly prompt_cache_key?: string | null | undefined
  readonly user?: string | null | undefined
}

/** Pays for a prompt that was found good, then sends it; `narrowing` null: it begins with nobody's cache. A payment that bought nothing is given back by whoever took it. */
export async function admitAndSubmit(
  prepared: PreparedPrompt,
  call: Pick<Call, 'admit' | 'address' | 'isAddressShared'>,
  narrowing: CacheNarrowing | null,
) {
  const admission = await call.admit(prepared.size)
  // Caches are a payer's own, or an address's: a key of the body parts them further, and opens nobody else's.
  const scopeOf = (owner: string): { cacheScope?: string } => {
    if (narrowing === null) return {}
    const { prompt_cache_key, user } = narrowing
    return { cacheScope: JSON.stringify([owner, prompt_cache_key ?? null, user ?? null]) }
  }
  if (admission === null) {
    const client = `address ${call.address}`
    const asker = { client, ...(call.isAddressShared === true ? {} : scopeOf(client)) }
    return { live: prepared.submit(asker), admission, payment: {} }
  }
  const { request, sessionId, payer } = admission
  const asker = { client: `session ${sessionId}`, ...scopeOf(`payer ${payer}`) }
  try {
    const payment = request.payment === undefined ? {} : { payment: request.payment }
    return { live: prepared.submit(asker, request.observer), admission, payment }
  } catch (thrown) {
    request.abandon()
    throw thrown
  }
}

export async function answerResponse(options: AnswerResponseOptions): Promise<Response> {
  const { live, answer, words, isStream, signal, admission } = options
  admission?.request.attach(live)
  const onAbort = (): void => live.cancel()
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  const release = (): void => {
    signal.removeEventListener('abort', onAbort)
    options.onEnd()
  }
  const headers = { ...admission?.headers, 'x-request-id': live.requestId }
  let isStreaming = false
  try {
    const first = await answer.next()
    if (!isStream) {
      const { parts, facts } = await readAll(answer, first)
      admission?.request.onAnswered?.(facts.usage)
      return Response.json(words.whole(parts, facts), { headers })
    }
    const body = sseBody(wordEvents({ answer, firstStep: first, words, admission, onEnd: release }), {
      onFailure: thrown => ({ event: 'error', data: openAiErrorOf(thrown).body }),
      onGone: () => live.cancel(),
    })
    isStreaming = true
    return new Response(body, { headers: { ...headers, ...sseHeaders } })
  } catch (thrown) {
    live.cancel()
    throw thrown
  } finally {
    if (!isStreaming) release()
  }
}

type Step = IteratorResult<AnswerPart, AnswerFacts>

async function readAll(answer: AsyncGenerator<AnswerPart, AnswerFacts>, first: Step) {
  const parts: AnswerPart[] = []
  let step = first
  while (!step.done) {
    parts.push(step.value)
    step = await answer.next()
  }
  return { parts, facts: step.value }
}

interface WordedStream extends Pick<AnswerResponseOptions, 'answer' | 'words' | 'admission' | 'onEnd'> {
  readonly firstStep: Step
}

async function* wordEvents({ answer, firstStep, words, admission, onEnd }: WordedStream): AsyncGenerator<SseEvent> {
  try {
    const opening = words.first()
    if (opening !== null) yield { data: opening }
    let step = firstStep
    while (!step.done) {
      yield { data: words.part(step.value) }
      step = await answer.next()
    }
    admission?.request.onAnswered?.(step.value.usage)
    yield { data: words.last(step.value) }
    const usage = words.usage(step.value)
    if (usage !== null) yield { data: usage }
    yield { data: '[DONE]' }
  } finally {
    onEnd()
  }
}
