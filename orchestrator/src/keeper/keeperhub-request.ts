/**
 * One request to KeeperHub's REST, with its ways of saying no: busy, late, broken, billed, conflicting, or an HTML page where JSON was
 * due. It repeats what may be repeated until a deadline, and names what it gives up on. It knows no workflows.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import type { z } from 'zod'
import { pause } from './actions.ts'
import { redact, secretsIn } from './redact.ts'

export interface RequesterOptions {
  /** With `/api`, as `https://app.keeperhub.com/api`. */
  readonly baseUrl: string
  readonly apiKey: string
  readonly fetch: typeof globalThis.fetch
  readonly clock: Clock
  /** How long one call may take with its repeats. Default 60 s. */
  readonly deadlineMs?: number
}

export interface KeeperHubRequest<T> {
  readonly method: 'GET' | 'POST' | 'PATCH'
  readonly path: string
  readonly body?: unknown
  readonly idempotencyKey?: string
  /** False where a second arrival would do a second thing. */
  readonly isRepeatable: boolean
  readonly schema: z.ZodType<T>
  /** What the server itself may take before it answers. */
  readonly waitsMs?: number
  readonly signal?: AbortSignal | undefined
}

export interface KeeperHubAnswer<T> {
  readonly value: T
  /** Seconds until it is worth asking again; 0 is final; null unsaid. */
  readonly pollSeconds: number | null
}

export type Requester = <T>(request: KeeperHubRequest<T>) => Promise<KeeperHubAnswer<T>>

const attemptMs = 15_000
const firstPauseMs = 250
const longestPauseMs = 8_000
const busySeconds = 30
const mostAnswerBytes = 4 * 1024 * 1024

type Outcome<T> =
  | { readonly kind: 'answer'; readonly answer: KeeperHubAnswer<T> }
  | { readonly kind: 'again'; readonly why: string; readonly afterMs: number | null; readonly isUnheard: boolean }

export function createRequester({ baseUrl, apiKey, fetch, clock, deadlineMs = 60_000 }: RequesterOptions): Requester {
  const root = baseUrl.replace(/\/+$/, '')
  return async request => {
    const { signal = new AbortController().signal, method, path } = request
    const untilMs = clock.monotonicMs() + deadlineMs + (request.waitsMs ?? 0)
    for (let repeat = 0; ; repeat++) {
      signal.throwIfAborted()
      const outcome = await attempt(request, signal)
      if (outcome.kind === 'answer') return outcome.answer
      const pauseMs = outcome.afterMs ?? Math.min(firstPauseMs * 2 ** repeat, longestPauseMs)
      const isOver = clock.monotonicMs() + pauseMs > untilMs
      // What was refused before it was read may always come again; what may have been heard only where it does no harm.
      if (isOver || (outcome.isUnheard === false && !request.isRepeatable)) {
        throw new ComputePoolError(
          'chain_keeper_unavailable',
          `KeeperHub did not do ${method} ${path}: ${outcome.why}.`,
          {
            remedy: 'Try again later; a run is not started twice under one key.',
            context: { retryAfterSeconds: Math.ceil(pauseMs / 1000), repeats: repeat },
          },
        )
      }
      await pause(pauseMs, clock, signal)
    }
  }

  async function attempt<T>(request: KeeperHubRequest<T>, signal: AbortSignal): Promise<Outcome<T>> {
    const late = new AbortController()
    const cancelTimer = clock.schedule(attemptMs + (request.waitsMs ?? 0), () => late.abort())
    const again = (why: string, afterMs: number | null = null, isUnheard = false): Outcome<T> => ({
      kind: 'again',
      why,
      afterMs,
      isUnheard,
    })
    try {
      const response = await fetch(`${root}${request.path}`, {
        method: request.method,
        headers: {
          authorization: `Bearer ${apiKey}`,
          accept: 'application/json',
          ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(request.idempotencyKey === undefined ? {} : { 'idempotency-key': request.idempotencyKey }),
        },
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
        redirect: 'error',
        signal: AbortSignal.any([signal, late.signal]),
      })
      const text = await readText(response)
      const json = parseJson(text)
      if (response.status === 429) return again('it is busy', retryAfterMs(response, clock), true)
      if (response.status >= 500) return again(`it answered ${response.status}`, null, false)
      if (response.status === 409 && words(json).includes('idempotency_in_progress'))
        return again('the same call is being made', null, true)
      if (!response.ok) throw refusal(request, response.status, json, apiKey)
      const parsed = json === undefined ? null : request.schema.safeParse(json)
      if (!parsed?.success) return again(`its answer of ${text.length} characters is not the JSON that was due`)
      const hint = Number(response.headers.get('x-poll-interval-hint') ?? Number.NaN)
      return { kind: 'answer', answer: { value: parsed.data, pollSeconds: Number.isFinite(hint) ? hint : null } }
    } catch (thrown) {
      signal.throwIfAborted()
      if (thrown instanceof ComputePoolError) throw thrown
      return again(late.signal.aborted ? `no answer within ${attemptMs} ms` : 'it cannot be reached')
    } finally {
      cancelTimer()
    }
  }
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of response.body ?? []) {
    sizeBytes += chunk.length
    if (sizeBytes > mostAnswerBytes) throw new Error('The answer is too long.')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const words = (json: unknown): string => {
  const { error, code } = (json ?? {}) as { error?: unknown; code?: unknown }
  return `${typeof code === 'string' ? code : ''} ${typeof error === 'string' ? error : ''}`
}

function retryAfterMs(response: Response, clock: Clock): number {
  const header = response.headers.get('retry-after') ?? ''
  if (/^\d+$/.test(header)) return Number(header) * 1000
  const date = Date.parse(header)
  return Number.isNaN(date) ? busySeconds * 1000 : Math.max(0, date - clock.wallMs())
}

function refusal(
  { method, path, body }: KeeperHubRequest<unknown>,
  status: number,
  json: unknown,
  apiKey: string,
): ComputePoolError {
  // A service may well repeat in its refusal what it was sent.
  const said = String(redact(words(json).trim().slice(0, 300), [apiKey, ...secretsIn(body)]))
  const { originalExecutionId } = (json ?? {}) as { originalExecutionId?: unknown }
  if (status === 404)
    return new ComputePoolError('input_not_found', `KeeperHub knows nothing at ${path}.`, { remedy: 'Check the id.' })
  if (status === 409) {
    return new ComputePoolError(
      'chain_keeper_conflict',
      `KeeperHub refused ${method} ${path}: the key came with another input.`,
      {
        remedy: 'Use a key of its own for every different input.',
        context: { executionId: typeof originalExecutionId === 'string' ? originalExecutionId : null },
      },
    )
  }
  const remedies: Readonly<Record<number, string>> = {
    401: 'Check the organisation’s key (it begins with kh_).',
    402: 'The organisation’s plan does not cover the run: see billing at KeeperHub.',
    403: 'The key has no right to this: give it the scope mcp:write.',
  }
  return new ComputePoolError(
    'chain_keeper_refused',
    `KeeperHub refused ${method} ${path} with ${status}: ${said || 'no reason'}.`,
    {
      remedy: remedies[status] ?? 'Check the workflow and the input.',
      context: { status },
    },
  )
}
