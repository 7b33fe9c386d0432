/**
 * The door to this origin's JSON: sends, turns a refusal into a typed error, parses with one schema. It knows no route and no money.
 */
import { asComputePoolError, ComputePoolError, type ErrorCode, isErrorCode } from '@computepool/shared/errors'
import { z } from 'zod'

/** The part of `fetch` that is used. */
export type FetchLike = (path: string, init?: RequestInit) => Promise<Response>

const refusalSchema = z.looseObject({
  error: z.looseObject({ message: z.string(), code: z.string().nullish(), remedy: z.string().nullish() }),
})

/** Sends a request. Rejects with `peer_unreachable` where nothing answers; an abort rejects as the browser says it. */
export async function send(fetchImpl: FetchLike, path: string, init?: RequestInit): Promise<Response> {
  try {
    return await fetchImpl(path, init)
  } catch (cause) {
    if (init?.signal?.aborted) throw cause
    throw new ComputePoolError('peer_unreachable', 'The orchestrator did not answer.', {
      remedy: 'Check that it runs and that this device is online, then try again.',
      context: { httpStatus: 0 },
      cause,
    })
  }
}

/** The body of a good answer, parsed; a refusal or a strange body rejects with a typed error. */
export async function readJson<T>(response: Response, schema: z.ZodType<T>): Promise<T> {
  if (!response.ok) throw await refusalOf(response)
  const parsed = schema.safeParse(await response.json().catch(() => null))
  if (parsed.success) return parsed.data
  throw unreadable(parsed.error.issues[0]?.path.join('.') ?? '')
}

/** What this page cannot read: most often the page and the server differ in version. */
export function unreadable(field: string): ComputePoolError {
  const where = field === '' ? '' : ` (at "${field}")`
  return new ComputePoolError('bug_unreachable_state', `The server sent something this page cannot read${where}.`, {
    remedy: 'Reload the page: it and the server may differ in version.',
  })
}

/** The error that a refusal's body describes; `context.httpStatus` keeps the status. */
export async function refusalOf(response: Response): Promise<ComputePoolError> {
  const httpStatus = response.status
  const body = refusalSchema.safeParse(await response.json().catch(() => null))
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN)
  const context = Number.isFinite(retryAfter) ? { httpStatus, retryAfterSeconds: retryAfter } : { httpStatus }
  if (!body.success) return new ComputePoolError(codeOf(httpStatus), `The server answered ${httpStatus}.`, { context })
  const { message, code, remedy } = body.data.error
  return new ComputePoolError(isErrorCode(code) ? code : codeOf(httpStatus), message, {
    context,
    ...(typeof remedy === 'string' ? { remedy } : {}),
  })
}

/** True where the server itself said no for good: the same request again would be refused again. */
export function isDefiniteRefusal(thrown: unknown): boolean {
  const { context, row } = asComputePoolError(thrown)
  const status = Number(context.httpStatus ?? 0)
  return status >= 400 && status < 500 && status !== 408 && status !== 425 && row.retry === 'never'
}

function codeOf(httpStatus: number): ErrorCode {
  if (httpStatus === 402) return 'payment_required'
  if (httpStatus === 401 || httpStatus === 403) return 'peer_unauthenticated'
  if (httpStatus === 404) return 'input_not_found'
  if (httpStatus === 429) return 'peer_rate_limited'
  return httpStatus >= 500 ? 'peer_unreachable' : 'input_invalid'
}
