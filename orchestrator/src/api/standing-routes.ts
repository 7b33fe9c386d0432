/** `GET /api/operators/ADDRESS/standing`: what the pool thinks of an operator, and why. Anybody may ask, as often as about earnings. */
import { ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import { type Context, Hono } from 'hono'
import type { StandingBook } from '../standing/standing-book.ts'
import { type CallLimits, createCallLimiter } from './call-limiter.ts'

export interface StandingRoutesOptions {
  readonly book: Pick<StandingBook, 'told'>
  readonly addressOf: (c: Context) => string
  readonly limitsFor: (address: string) => CallLimits
  readonly clock: Clock
}

/** Of one address, at least. */
const least = { perMinute: 120, concurrent: 8 }

export function standingRoutes({ book, addressOf, limitsFor, clock }: StandingRoutesOptions): Hono {
  const routes = new Hono()
  const limiter = createCallLimiter(address => {
    const { perMinute, concurrent } = limitsFor(address)
    return { perMinute: Math.max(perMinute, least.perMinute), concurrent: Math.max(concurrent, least.concurrent) }
  }, clock)
  routes.get('/operators/:address/standing', c => {
    const end = limiter.begin(addressOf(c))
    try {
      const operator = c.req.param('address').toLowerCase()
      if (!/^0x[0-9a-f]{40}$/.test(operator)) {
        throw new ComputePoolError('input_invalid', 'The path names no address.', {
          remedy: 'Ask for /api/operators/0x…/standing.',
        })
      }
      return c.json({ operator, ...book.told(operator) }, 200, { 'cache-control': 'no-store' })
    } finally {
      end()
    }
  })
  return routes
}
