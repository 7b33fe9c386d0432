/**
 * Reads spans of files over HTTP: follows redirects itself (a token goes to its own origin only), and asks again where the network
 * stumbles. It knows no hub and no checkpoint. Range requests as in RFC 9110, section 14.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import type { RetryPolicy } from './retry-policy.ts'

export interface HttpAccess {
  readonly policy: RetryPolicy
  /** Sent as a bearer token to `tokenOrigin`, and to no other origin. */
  readonly token: string | null
  readonly tokenOrigin: string | null
}

export interface HttpReply {
  readonly status: 200 | 206
  readonly bytes: Uint8Array
  /** Size of the whole file. */
  readonly totalBytes: number
  readonly etag: string | null
  /** Where redirects ended. */
  readonly url: string
}

const MAX_REDIRECTS = 5
const transientStatus = new Set([408, 425, 429, 500, 502, 503, 504])

class TransientFault extends Error {
  readonly retryAfterMs: number
  constructor(message: string, retryAfterMs = 0, cause?: unknown) {
    super(message, { cause })
    this.retryAfterMs = retryAfterMs
  }
}

/** The URL as it may be shown: without query, where signatures and tokens live, and without user and password. */
export function shownUrl(url: string): string {
  const { origin, pathname } = new URL(url)
  return origin + pathname
}

/**
 * Bytes `[offset, offset + length)` of the file at `url`, fewer where it ends sooner; null for 404. A server without ranges may answer
 * with the whole file up to `maxWholeBytes`.
 * Errors: `artifact_fetch_failed` after the policy's deadline, at once for a refusal (401, 403, other 4xx); the signal's reason.
 */
export async function fetchSpan(
  url: string,
  offset: number,
  length: number,
  access: HttpAccess,
  signal: AbortSignal,
  maxWholeBytes = 0,
): Promise<HttpReply | null> {
  const { policy } = access
  let giveUpAtMs: number | null = null
  let delayMs = policy.firstDelayMs
  for (;;) {
    try {
      return await fetchOnce(url, offset, length, access, signal, maxWholeBytes)
    } catch (thrown) {
      signal.throwIfAborted()
      if (!(thrown instanceof TransientFault)) throw thrown
      giveUpAtMs ??= policy.nowMs() + policy.deadlineMs
      const waitMs = Math.max(delayMs, thrown.retryAfterMs)
      if (policy.nowMs() + waitMs > giveUpAtMs) {
        throw new ComputePoolError('artifact_fetch_failed', `${shownUrl(url)} could not be read: ${thrown.message}.`, {
          remedy: 'Check the network and run the same command again; parts that are finished are kept.',
          cause: thrown,
        })
      }
      await policy.wait(waitMs, signal)
      delayMs = Math.min(delayMs * 2, policy.maxDelayMs)
    }
  }
}

async function fetchOnce(
  url: string,
  offset: number,
  length: number,
  access: HttpAccess,
  signal: AbortSignal,
  maxWholeBytes: number,
): Promise<HttpReply | null> {
  const idle = new AbortController()
  const idleTimer = setTimeout(() => idle.abort(), access.policy.idleMs)
  try {
    const response = await follow(
      url,
      `bytes=${offset}-${offset + length - 1}`,
      access,
      AbortSignal.any([signal, idle.signal]),
    )
    if (response.status === 404) return await discard(response, null)
    if (response.status === 416)
      return await discard(response, {
        status: 206,
        bytes: new Uint8Array(0),
        totalBytes: totalOf(response) ?? 0,
        etag: null,
        url: response.url,
      })
    if (transientStatus.has(response.status)) {
      const seconds = Number(response.headers.get('retry-after'))
      throw await discard(
        response,
        new TransientFault(`the server answered ${response.status}`, seconds > 0 ? seconds * 1000 : 0),
      )
    }
    if (response.status !== 206 && response.status !== 200) throw await discard(response, refusal(url, response.status))
    const isWhole = response.status === 200
    const declared = response.headers.get('content-length')
    const totalBytes = totalOf(response) ?? (isWhole && declared !== null ? Number(declared) : null)
    const wanted = isWhole ? (totalBytes ?? maxWholeBytes) : Math.min(length, (totalBytes ?? offset + length) - offset)
    if (isWhole && wanted > Math.max(maxWholeBytes, offset === 0 ? length : 0))
      throw await discard(response, noRanges(url))
    const bytes = await readBody(response, isWhole && totalBytes === null ? null : wanted, maxWholeBytes, () =>
      idleTimer.refresh(),
    )
    return {
      status: response.status,
      bytes,
      totalBytes: totalBytes ?? bytes.length,
      etag: response.headers.get('etag'),
      url: response.url,
    }
  } catch (thrown) {
    if (thrown instanceof ComputePoolError || thrown instanceof TransientFault || signal.aborted) throw thrown
    throw new TransientFault(
      idle.signal.aborted ? `no byte came for ${access.policy.idleMs} ms` : describe(thrown),
      0,
      thrown,
    )
  } finally {
    clearTimeout(idleTimer)
  }
}

async function follow(url: string, range: string, access: HttpAccess, signal: AbortSignal): Promise<Response> {
  let at = url
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const headers: Record<string, string> = { range, 'accept-encoding': 'identity', 'user-agent': 'computepool' }
    if (access.token && access.tokenOrigin === new URL(at).origin) headers.authorization = `Bearer ${access.token}`
    const response = await fetch(at, { headers, redirect: 'manual', signal })
    const location = response.headers.get('location')
    if (response.status < 300 || response.status >= 400 || location === null) return response
    await response.body?.cancel()
    at = new URL(location, at).href
    if (!/^https?:/.test(at))
      throw new ComputePoolError('artifact_fetch_failed', `${shownUrl(url)} redirects to something that is not HTTP.`)
  }
  throw new ComputePoolError('artifact_fetch_failed', `${shownUrl(url)} redirects more than ${MAX_REDIRECTS} times.`)
}

/** The body, which must have exactly `wanted` bytes; null: whatever comes, up to `maxBytes`. */
async function readBody(
  response: Response,
  wanted: number | null,
  maxBytes: number,
  onBytes: () => void,
): Promise<Uint8Array> {
  const limit = wanted ?? maxBytes
  const bytes = new Uint8Array(limit)
  let filled = 0
  for await (const chunk of response.body ?? []) {
    if (filled + chunk.length > limit) throw new TransientFault(`more than ${limit} bytes came`)
    bytes.set(chunk, filled)
    filled += chunk.length
    onBytes()
  }
  if (wanted !== null && filled < wanted) throw new TransientFault(`the reply ended after ${filled} of ${wanted} bytes`)
  return bytes.subarray(0, filled)
}

/** The size of the whole file, from `Content-Range: bytes 0-9/1234`. */
function totalOf(response: Response): number | null {
  const match = /^bytes (?:\d+-\d+|\*)\/(\d{1,15})$/.exec(response.headers.get('content-range') ?? '')
  return match ? Number(match[1]) : null
}

async function discard<T>(response: Response, value: T): Promise<T> {
  await response.body?.cancel()
  return value
}

function refusal(url: string, status: number): ComputePoolError {
  const isPermission = status === 401 || status === 403
  return new ComputePoolError('artifact_fetch_failed', `${shownUrl(url)} answered ${status}.`, {
    remedy: isPermission
      ? 'Check the name. If the model is private or gated, accept its terms on the hub and set HF_TOKEN.'
      : 'Check the address.',
    context: { status },
  })
}

function noRanges(url: string): ComputePoolError {
  return new ComputePoolError(
    'artifact_fetch_failed',
    `${shownUrl(url)} ignores Range requests, so it would have to be read whole.`,
    {
      remedy: 'Download the checkpoint and pack it from the local folder.',
    },
  )
}

function describe(thrown: unknown): string {
  const cause = (thrown as { cause?: { code?: string } } | null)?.cause
  return cause?.code ?? (thrown instanceof Error ? thrown.message : String(thrown))
}
