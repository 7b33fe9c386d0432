/**
 * The door for callbacks, `POST /api/webhooks/keeperhub`. A callback that proves itself is a hint that it is worth looking at an outbox
 * row, and nothing more: what happened is read from the run and from the chain. All refusals look alike from outside.
 */
import { asComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import { type Context, Hono } from 'hono'
import { z } from 'zod'
import type { CallLimiter } from '../api/call-limiter.ts'
import { readText } from '../api/read-json.ts'
import { bearerOf } from './bearer.ts'
import { isSignedNow, signatureHeader, timestampHeader } from './callback-signature.ts'
import type { CallbackTokens } from './callback-tokens.ts'

export const callbackPath = '/api/webhooks/keeperhub'

export interface CallbackRoutesOptions {
  readonly tokens: CallbackTokens
  readonly clock: Clock
  /** Of the HMAC; the same that the embedded runner signs with. */
  readonly signingSecret: string
  /** True where only our own runner calls back: then nothing unsigned counts. KeeperHub's service cannot sign. */
  readonly isSignatureRequired?: boolean
  readonly onHint: (outboxId: string) => void
  /** Where given, an address that asks too often is refused before anything is read. */
  readonly limiter?: CallLimiter
  readonly addressOf?: (c: Context) => string
}

export interface Callback {
  readonly method: string
  readonly path: string
  readonly body: string
  readonly authorization: string | undefined
  readonly signature: string | undefined
  readonly timestamp: string | undefined
}

export type CallbackVerdict =
  | { readonly isTrusted: true; readonly outboxId: string }
  | { readonly isTrusted: false; readonly reason: 'unauthorised' | 'malformed' | 'signature' | 'token' }

const mostBodyBytes = 4096
const bodySchema = z.strictObject({ event: z.string().min(1).max(64), outbox_id: z.string().min(1).max(200) })

/** Uses the token up where everything is right; otherwise nothing changes. */
export async function verifyCallback(
  callback: Callback,
  options: Pick<CallbackRoutesOptions, 'tokens' | 'clock' | 'signingSecret' | 'isSignatureRequired'>,
): Promise<CallbackVerdict> {
  const { tokens, clock, signingSecret, isSignatureRequired = false } = options
  const token = bearerOf(callback.authorization)
  if (token === null) return { isTrusted: false, reason: 'unauthorised' }
  const { method, path, body, signature, timestamp } = callback
  if (isSignatureRequired || signature !== undefined || timestamp !== undefined) {
    const signed = { method, path, body, timestamp: timestamp ?? '' }
    if (!isSignedNow(signingSecret, signature ?? '', signed, clock.wallMs()))
      return { isTrusted: false, reason: 'signature' }
  }
  const parsed = bodySchema.safeParse(parse(body))
  if (!parsed.success) return { isTrusted: false, reason: 'malformed' }
  const { event, outbox_id: outboxId } = parsed.data
  if (!(await tokens.redeem(token, { outboxId, transition: event }))) return { isTrusted: false, reason: 'token' }
  return { isTrusted: true, outboxId }
}

export function callbackRoutes(options: CallbackRoutesOptions): Hono {
  const routes = new Hono()
  routes.onError((thrown, c) => {
    const { httpStatus } = asComputePoolError(thrown).row
    return c.json({ error: 'The callback was not accepted.' }, httpStatus as 400)
  })
  routes.post(callbackPath, async c => {
    const end = options.limiter?.begin(options.addressOf?.(c) ?? '')
    try {
      const verdict = await verifyCallback(
        {
          method: c.req.method,
          path: c.req.path,
          body: await readText(c.req.raw, mostBodyBytes),
          authorization: c.req.header('authorization'),
          signature: c.req.header(signatureHeader),
          timestamp: c.req.header(timestampHeader),
        },
        options,
      )
      if (!verdict.isTrusted) return c.json({ error: 'The callback was not accepted.' }, 401)
      options.onHint(verdict.outboxId)
      return c.json({ received: true })
    } finally {
      end?.()
    }
  })
  return routes
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
