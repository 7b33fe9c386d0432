/**
 * The door for callbacks, `POST /api/webhooks/keeperhub`. A callback that proves itself is a hint that it is worth looking at an outbox
 * row, and nothing more: what happened is read from the run and from the chain. All refusals look alike from outside.
 */
import { asComputePoolError } from '@computepool/shared/errors'
import { type Context, Hono } from 'hono'
import { z } from 'zod'
import type { CallLimiter } from '../api/call-limiter.ts'
import { readText } from '../api/read-json.ts'
import { bearerOf } from './bearer.ts'
import type { CallbackTokens } from './callback-tokens.ts'

export const callbackPath = '/api/webhooks/keeperhub'

export interface CallbackRoutesOptions {
  readonly tokens: CallbackTokens
  readonly onHint: (outboxId: string) => void
  /** Where given, an address that asks too often is refused before anything is read. */
  readonly limiter?: CallLimiter
  readonly addressOf?: (c: Context) => string
}

export interface Callback {
  readonly body: string
  readonly authorization: string | undefined
}

export type CallbackVerdict =
  | { readonly isTrusted: true; readonly outboxId: string }
  | { readonly isTrusted: false; readonly reason: 'unauthorised' | 'malformed' | 'token' }

const mostBodyBytes = 4096
const bodySchema = z.strictObject({ event: z.string().min(1).max(64), outbox_id: z.string().min(1).max(200) })

/** Uses the token up where everything is right; otherwise nothing changes. */
export async function verifyCallback(
  callback: Callback,
  options: Pick<CallbackRoutesOptions, 'tokens'>,
): Promise<CallbackVerdict> {
  const token = bearerOf(callback.authorization)
  if (token === null) return { isTrusted: false, reason: 'unauthorised' }
  const { body } = callback
  const parsed = bodySchema.safeParse(parse(body))
  if (!parsed.success) return { isTrusted: false, reason: 'malformed' }
  const { event, outbox_id: outboxId } = parsed.data
  if (!(await options.tokens.redeem(token, { outboxId, transition: event })))
    return { isTrusted: false, reason: 'token' }
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
          body: await readText(c.req.raw, mostBodyBytes),
          authorization: c.req.header('authorization'),
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
