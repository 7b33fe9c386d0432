/** Stands before the routes that ask the model or sell the right to: in a private pool nobody passes whom the token does not let in. */
import type { Context, MiddlewareHandler } from 'hono'
import type { InftDesk } from './inft-desk.ts'

/** What is for the owner and its authorised alone; a session is refused before somebody pays for what it could not use. */
export const privatePaths = [
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/sessions',
  '/v1/proxy/chat/completions',
  '/v1/proxy/completions',
]

/**
 * `beginCall` counts a call of its address, and returns what ends it: a refusal may cost questions to the chain. What comes in is counted
 * again by its route, so the door counts on its own.
 * Errors: as the desk's and its gate's; `beginCall`'s.
 */
export const privateDoor =
  (desk: InftDesk, beginCall: (c: Context) => () => void): MiddlewareHandler =>
  async (c, next) => {
    if (desk.isPrivate) {
      const end = beginCall(c)
      try {
        // Closed while the token is not there: `opened` throws then.
        await desk.opened().access!.require(c.req.raw)
      } finally {
        end()
      }
    }
    await next()
  }
