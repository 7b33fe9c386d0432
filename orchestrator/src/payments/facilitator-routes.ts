/** x402's facilitator over HTTP: `/verify`, `/settle`, `/supported`. Money moves only for a caller with the key. */
import { ComputePoolError } from '@computepool/shared/errors'
import type { PaymentPayload, PaymentRequirements } from '@x402/core/types'
import { Hono } from 'hono'
import { z } from 'zod'
import { readJson } from '../api/read-json.ts'
import { isBearer } from '../keeper/bearer.ts'
import type { Facilitator } from './x402-facilitator.ts'

const requestSchema = z.looseObject({
  x402Version: z.literal(2),
  paymentPayload: z.record(z.string(), z.unknown()),
  paymentRequirements: z.looseObject({
    scheme: z.string().max(40),
    network: z.string().max(80),
    asset: z.string().regex(/^0x[0-9a-fA-F]{40}$/),
    amount: z.string().regex(/^[0-9]{1,78}$/),
    payTo: z.string().regex(/^0x[0-9a-fA-F]{40}$/),
    maxTimeoutSeconds: z.number(),
    extra: z.record(z.string(), z.unknown()).default({}),
  }),
})

const maxBodyBytes = 64 << 10

/** Routes of one facilitator; `key` is the bearer token that `/verify` and `/settle` ask for. */
export function facilitatorRoutes(facilitator: Facilitator, key: string): Hono {
  const routes = new Hono()
  const read = async (request: Request) => {
    requireBearer(request, key)
    const parsed = requestSchema.safeParse(await readJson(request, maxBodyBytes))
    if (!parsed.success) {
      throw new ComputePoolError('input_invalid', 'The body is no x402 request of version 2.', {
        remedy: 'Send { x402Version: 2, paymentPayload, paymentRequirements }.',
      })
    }
    const { paymentPayload, paymentRequirements } = parsed.data
    return {
      payload: paymentPayload as unknown as PaymentPayload,
      requirements: paymentRequirements as unknown as PaymentRequirements,
    }
  }
  routes.get('/supported', c => c.json(facilitator.supported()))
  routes.post('/verify', async c => {
    const { payload, requirements } = await read(c.req.raw)
    return c.json(await facilitator.verify(payload, requirements))
  })
  routes.post('/settle', async c => {
    const { payload, requirements } = await read(c.req.raw)
    return c.json(await facilitator.settle(payload, requirements))
  })
  return routes
}

/** Refuses a caller without exactly this bearer token. Errors: `peer_unauthenticated`. */
export function requireBearer(request: Request, key: string): void {
  if (isBearer(request.headers.get('authorization'), key)) return
  throw new ComputePoolError('peer_unauthenticated', 'This needs the owner’s token.', {
    remedy: 'Send "Authorization: Bearer …" with the token that the orchestrator printed at its start.',
  })
}
