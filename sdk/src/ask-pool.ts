/**
 * The door to a pool: sends one HTTP request, turns every failure into a `PoolError`, reads no more than an answer may hold. It knows no
 * route and no money.
 */
import { z } from 'zod'
import type { CallOptions, PoolDoor } from './pool-door.ts'
import { kindOf, PoolError } from './pool-error.ts'

export interface PoolRequest extends Pick<CallOptions, 'signal'> {
  /** Until the last byte; null: the caller watches over it. */
  readonly timeoutMs?: number | null | undefined
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array<ArrayBuffer>
}

export const defaultTimeoutMs = 30_000
const mostJsonBytes = 8 << 20
const mostRefusalBytes = 64 << 10

/** Resolves when headers are here. Errors: `unreachable`. The body is the caller's to read or cancel. */
export async function send(door: PoolDoor, path: string, request: PoolRequest = {}): Promise<Response> {
  const { method = 'GET', headers = {}, body, signal, timeoutMs = defaultTimeoutMs } = request
  const timeout = timeoutMs === null ? null : AbortSignal.timeout(timeoutMs)
  const signals = [signal, timeout].filter(one => one !== undefined && one !== null)
  try {
    return await door.fetch(`${door.origin}${path}`, {
      method,
      headers: { ...door.headers, ...headers },
      signal: AbortSignal.any(signals),
      redirect: 'error',
      credentials: 'omit',
      ...(body === undefined ? {} : { body }),
    })
  } catch (cause) {
    throw unreachable(door, cause, signal, timeout?.aborted === true ? timeoutMs : null)
  }
}

/** A good answer's JSON by one schema. Errors: what the pool said, `unreachable`, `not_understood`. */
export async function askJson<T>(
  door: PoolDoor,
  path: string,
  schema: z.ZodType<T>,
  request: PoolRequest = {},
): Promise<T> {
  const response = await send(door, path, request)
  if (!response.ok) throw await refusalOf(response)
  const bytes = await readBytes(door, response, request.signal)
  return parsed(path, bytes, schema)
}

export function parsed<T>(path: string, bytes: Uint8Array, schema: z.ZodType<T>): T {
  const result = schema.safeParse(jsonOf(bytes))
  if (result.success) return result.data
  const where = result.error.issues[0]?.path.join('.') ?? ''
  throw new PoolError({
    kind: 'not_understood',
    code: 'sdk_answer_unreadable',
    message: `${path} answered what cannot be read${where === '' ? '' : ` (at "${where}")`}.`,
  })
}

/** All of a body. Errors: `unreachable` where it breaks off, `not_understood` where it is too long. */
export async function readBytes(
  door: PoolDoor,
  response: Response,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = []
  let size = 0
  try {
    for await (const part of chunksOf(response)) {
      size += part.length
      if (size > mostJsonBytes) {
        const message = `The pool sent more than ${mostJsonBytes} bytes.`
        throw new PoolError({ kind: 'not_understood', code: 'sdk_answer_too_long', message })
      }
      parts.push(part)
    }
  } catch (thrown) {
    if (thrown instanceof PoolError) throw thrown
    throw unreachable(door, thrown, signal, null)
  }
  return joined(parts)
}

/** `for await` over a body, also where its stream cannot be iterated (Safari). Leaving the loop cancels it. */
export async function* chunksOf(response: Response): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader()
  if (reader === undefined) return
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    void reader.cancel().catch(() => {})
  }
}

export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

const refusalSchema = z.object({
  error: z.object({ message: z.string(), code: z.string().nullish(), reason: z.string().nullish() }),
})

/** As much as a refusal has to say; what is longer is none. */
async function beginningOf(response: Response): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let size = 0
  try {
    for await (const part of chunksOf(response)) {
      size += part.length
      if (size > mostRefusalBytes) break
      parts.push(part)
    }
  } catch {
    // It broke off: its status says enough.
  }
  return joined(parts)
}

/** What a refusal says, typed. */
export async function refusalOf(response: Response): Promise<PoolError> {
  const body = refusalSchema.safeParse(jsonOf(await beginningOf(response)))
  return refusedWith(body.success ? body.data.error : null, response.status, response.headers.get('retry-after'))
}

export interface Refusal {
  readonly message: string
  readonly code?: string | null | undefined
  readonly reason?: string | null | undefined
}

export function refusedWith(refusal: Refusal | null, httpStatus: number, retryAfter: string | null): PoolError {
  const seconds = Number(retryAfter ?? Number.NaN)
  const code = refusal?.code ?? 'sdk_http_error'
  const message = refusal?.message ?? `The pool answered ${httpStatus}.`
  return new PoolError({
    kind: kindOf(code, httpStatus),
    code,
    message: message.slice(0, 2000),
    httpStatus,
    ...(Number.isFinite(seconds) ? { retryAfterSeconds: seconds } : {}),
  })
}

/** An abort that was asked for passes through as it is. */
function unreachable(door: PoolDoor, cause: unknown, signal: AbortSignal | undefined, afterMs: number | null): unknown {
  if (signal?.aborted === true) return signal.reason
  const why = afterMs === null ? 'did not answer' : `did not answer within ${afterMs} ms`
  return new PoolError({ kind: 'unreachable', code: 'sdk_unreachable', message: `${door.origin} ${why}.`, cause })
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return null
  }
}
