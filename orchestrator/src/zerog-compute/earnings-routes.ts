/** `GET /api/zerog/earnings`, for anybody: what the pool's operators earned of what 0G's users paid. Null where the pool is no provider. */
import { ComputePoolError } from '@computepool/shared/errors'
import { type Context, Hono } from 'hono'
import { isAddress } from 'viem'
import type { ZerogDesk } from './open-zerog.ts'

export interface EarningsRoutesOptions {
  readonly desk: Pick<ZerogDesk, 'earnings'> | null
  /** Counts a call of its address; its result ends it. */
  readonly beginCall: (c: Context) => () => void
}

export function zerogEarningsRoutes({ desk, beginCall }: EarningsRoutesOptions): Hono {
  return new Hono().get('/zerog/earnings', c => {
    const end = beginCall(c)
    try {
      const only = c.req.query('operator')
      if (only !== undefined && !isAddress(only, { strict: false })) {
        throw new ComputePoolError('input_invalid', `"${only.slice(0, 80)}" is no address.`, {
          remedy: 'An address is 0x and 40 hexadecimal digits.',
          context: { param: 'operator' },
        })
      }
      return c.json(desk?.earnings(only) ?? null, 200, { 'cache-control': 'no-store' })
    } finally {
      end()
    }
  })
}
