/** `GET /metrics` in Prometheus' text format: for this machine itself, and for whoever has a token that may read it. */
import { ComputePoolError } from '@computepool/shared/errors'
import { type Context, Hono } from 'hono'
import { isLoopback } from '../api/is-loopback.ts'
import { isProxied } from '../api/is-proxied.ts'
import { isBearer } from '../keeper/bearer.ts'
import type { PoolMetrics } from './pool-metrics.ts'

export interface MetricsRoutesOptions {
  readonly metrics: PoolMetrics
  readonly addressOf: (c: Context) => string
  /** Any of them will do: the owner's, and one for scrapers alone. */
  readonly tokens: readonly string[]
}

export function metricsRoutes({ metrics, addressOf, tokens }: MetricsRoutesOptions): Hono {
  const routes = new Hono()
  routes.get('/metrics', async c => {
    const authorization = c.req.header('authorization')
    const isKnown = tokens.some(token => isBearer(authorization, token))
    // A proxy on this machine speaks for strangers: what came through one is not from here.
    if (!isKnown && (isProxied(c) || !isLoopback(addressOf(c)))) {
      throw new ComputePoolError(
        'peer_unauthenticated',
        'Metrics are for this machine, or for a token that may read them.',
        {
          remedy:
            'Ask from the orchestrator’s own machine, or send "Authorization: Bearer …" with COMPUTEPOOL_METRICS_TOKEN or the owner’s token.',
        },
      )
    }
    return c.body(await metrics.text(), 200, { 'content-type': metrics.contentType, 'cache-control': 'no-store' })
  })
  return routes
}
