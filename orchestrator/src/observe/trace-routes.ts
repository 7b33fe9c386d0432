/**
 * `GET /api/requests/ID/trace`: one request as a Chrome trace. Where work is free, whoever knows the id (96 random bits) may have it;
 * where it is paid, the token of the session that paid for it, or the owner's.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import { type Context, Hono } from 'hono'
import { bearerOf, isBearer } from '../keeper/bearer.ts'
import type { MoneyDesk } from '../payments/till.ts'
import { chromeTraceOf } from './chrome-trace.ts'
import type { TracedRequest, TraceStore } from './trace-store.ts'

export interface TraceRoutesOptions {
  readonly traces: TraceStore
  readonly money: MoneyDesk
  readonly clock: Clock
  /** Counts a caller in; what it returns counts it out. Errors: `swarm_busy`. */
  readonly beginCall: (c: Context) => () => void
}

export function traceRoutes({ traces, money, clock, beginCall }: TraceRoutesOptions): Hono {
  const routes = new Hono()
  routes.get('/requests/:id/trace', async c => {
    const endCall = beginCall(c)
    try {
      const traced = traces.find(c.req.param('id'))
      // Who may not have it is told the same as where it is unknown: whose request an id is, is nobody else's business.
      if (traced === null || !(await mayRead(money, c.req.raw, traced))) throw unknownTrace(money.mode)
      return c.json(chromeTraceOf(traced, clock.monotonicMs()), 200, {
        'cache-control': 'no-store',
        'content-disposition': `attachment; filename="computepool-${traced.requestId}.trace.json"`,
      })
    } finally {
      endCall()
    }
  })
  return routes
}

async function mayRead(money: MoneyDesk, request: Request, traced: TracedRequest): Promise<boolean> {
  if (money.mode === 'free') return true
  const authorization = request.headers.get('authorization')
  if (isBearer(authorization, money.ownerToken)) return true
  const token = bearerOf(authorization)
  const { tokens, ledger } = money.till()
  const sessionId = token === null ? null : tokens.sessionOf(token)
  if (sessionId === null) return false
  const ids = new Set([traced.requestId, ...traced.attempts.map(({ wireId }) => wireId)])
  const { requests } = await ledger.receipt(sessionId)
  return requests.some(({ requestId }) => ids.has(requestId))
}

function unknownTrace(mode: MoneyDesk['mode']): ComputePoolError {
  const whose = mode === 'free' ? '' : ' Send the token of the session that paid for it, or the owner’s, as Bearer.'
  return new ComputePoolError('input_not_found', 'No trace of this request is kept, or it is not yours to read.', {
    remedy: `Use the x-request-id of a recent answer: only the last ones are kept.${whose}`,
  })
}
