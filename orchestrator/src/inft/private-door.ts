/** Stands before the routes that ask the model or sell the right to: in a private pool nobody passes whom the token does not let in. */
import type { MiddlewareHandler } from 'hono'
import type { InftDesk } from './inft-desk.ts'

/** What is for the owner and its authorised alone; a session is refused before somebody pays for what it could not use. */
export const privatePaths = [
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/sessions',
  '/v1/proxy/chat/completions',
  '/v1/proxy/completions',
]

/** Errors: as the desk's and its gate's. */
export const privateDoor =
  (desk: InftDesk): MiddlewareHandler =>
  async (c, next) => {
    // Closed while the token is not there: `opened` throws then.
    if (desk.isPrivate) await desk.opened().access!.require(c.req.raw)
    await next()
  }
