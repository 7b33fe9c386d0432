/** The `/v1` routes: callers are counted, bodies are read with a cap, errors leave in OpenAI's shape. */
import { ComputePoolError } from '@computepool/shared/errors'
import { openAiErrorOf } from '@computepool/shared/openai'
import { type Context, Hono } from 'hono'
import type { AnswerSigner } from '../attestation/index.ts'
import { challengeResponse, PaymentRefused } from '../payments/challenge.ts'
import type { PaymentGate } from '../payments/payment-gate.ts'
import type { Admission, Call } from './answer-response.ts'
import type { CallLimiter } from './call-limiter.ts'
import { serveChat } from './chat-completions.ts'
import { serveCompletion } from './completions.ts'
import { isProxied } from './is-proxied.ts'
import type { ModelService } from './model-service.ts'
import { parseJson, readBytes } from './read-json.ts'

export interface OpenAiRoutesOptions {
  readonly service: ModelService
  readonly limiter: CallLimiter
  readonly addressOf: (c: Context) => string
  /** `addressOf` is of whom our own proxy speaks for. */
  readonly isProxyTrusted?: boolean
  readonly maxBodyBytes: number
  /** Who may ask; null where work is free. Throws while the till is not open yet. */
  readonly gate: () => PaymentGate | null
  /** Signs what is answered; absent or null: nothing vouches for who would sign. */
  readonly answers?: AnswerSigner | null
}

export function openAiRoutes(options: OpenAiRoutesOptions): Hono {
  const { service, limiter, addressOf, isProxyTrusted = false, maxBodyBytes, gate, answers = null } = options
  const routes = new Hono()
  const card = () => ({
    id: service.manifest.model,
    object: 'model',
    created: service.createdAtSeconds,
    owned_by: 'computepool',
    context_window: service.desk.context(),
  })
  const limited = async (
    c: Context,
    serve: (service: ModelService, json: unknown, call: Call) => Promise<Response>,
  ): Promise<Response> => {
    const address = addressOf(c)
    const onEnd = limiter.begin(address)
    let admission: Admission | null = null
    try {
      const { raw } = c.req
      // Credentials first, so that a challenge needs no body; money last, so that a bad body costs nothing.
      const take = gate()?.enter(raw)
      const admit = async (): Promise<Admission | null> => {
        admission = (await take?.()) ?? null
        return admission
      }
      const isSaid = isProxyTrusted && c.req.header('x-forwarded-for') !== undefined
      const call = { signal: raw.signal, onEnd, admit, address, isAddressShared: isProxied(c) && !isSaid }
      const body = await readBytes(raw, maxBodyBytes)
      const response = await serve(service, parseJson(body), call)
      return answers === null ? response : answers.sign(body, response)
    } catch (thrown) {
      onEnd()
      if (admission === null) throw thrown
      // Paid and not served: the client still gets its receipt, and the rest of its money back.
      const response = errorResponse(thrown)
      for (const [name, value] of Object.entries((admission as Admission).headers)) response.headers.set(name, value)
      return response
    }
  }
  routes.get('/models', c => c.json({ object: 'list', data: [card()] }))
  routes.get('/models/:id{.+}', c => {
    service.requireModel(c.req.param('id'))
    return c.json(card())
  })
  routes.post('/chat/completions', c => limited(c, serveChat))
  routes.post('/completions', c => limited(c, serveCompletion))
  routes.all('*', c => {
    throw new ComputePoolError('input_not_found', `${c.req.method} ${c.req.path} is not served here.`, {
      remedy: 'Use /v1/models, /v1/chat/completions or /v1/completions.',
    })
  })
  return routes
}

/** Any thrown thing as a response in OpenAI's shape. */
export function errorResponse(thrown: unknown): Response {
  if (thrown instanceof PaymentRefused) return challengeResponse(thrown.challenge)
  const { status, body, retryAfterSeconds } = openAiErrorOf(thrown)
  const headers = retryAfterSeconds === null ? {} : { 'retry-after': String(retryAfterSeconds) }
  return Response.json(body, { status, headers })
}
