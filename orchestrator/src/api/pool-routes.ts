/** `GET /api/pool` and its event stream: what anybody may see of the pool, at most ten times a second, the last state always. */
import { ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import type { PoolSnapshot } from '@computepool/shared/swarm'
import { Hono } from 'hono'
import type { Desk } from '../dispatch/index.ts'
import { encodeSse, sseHeaders } from './sse.ts'

const throttleMs = 100
const mostStreams = 1000
/** Proxies and browsers drop a stream that says nothing for long. */
const keepAliveMs = 15_000

/** What the desk itself does not know. */
export type PoolExtras = Pick<PoolSnapshot, 'attestation' | 'convicted' | 'disputes'>

export function poolRoutes(ofDesk: Pick<Desk, 'snapshot' | 'onChange'>, clock: Clock, extras: () => PoolExtras): Hono {
  const routes = new Hono()
  const desk = { onChange: ofDesk.onChange, snapshot: (): PoolSnapshot => ({ ...ofDesk.snapshot(), ...extras() }) }
  routes.get('/pool', c => c.json(desk.snapshot(), 200, { 'cache-control': 'no-store' }))
  let streams = 0
  routes.get('/pool/events', () => {
    if (streams >= mostStreams) {
      throw new ComputePoolError('swarm_busy', `${streams} pages follow the pool already.`, {
        remedy: 'Ask for /api/pool from time to time instead.',
        context: { retryAfterSeconds: 30 },
      })
    }
    streams++
    return new Response(
      snapshots(desk, clock, () => streams--),
      { headers: sseHeaders },
    )
  })
  routes.all('*', c => {
    throw new ComputePoolError('input_not_found', `${c.req.method} ${c.req.path} is not served here.`, {
      remedy: 'Use /api/pool or /api/pool/events.',
    })
  })
  return routes
}

function snapshots(
  desk: Pick<Desk, 'snapshot' | 'onChange'>,
  clock: Clock,
  onEnd: () => void,
): ReadableStream<Uint8Array> {
  let close = (): void => {}
  return new ReadableStream({
    start: controller => {
      let cancelPause: (() => void) | null = null
      let isStale = false
      let cancelKeepAlive = (): void => {}
      const say = (): void => {
        // A reader that does not read would gather snapshots for ever; it gets the newest when it comes back.
        if ((controller.desiredSize ?? 0) < -64) isStale = true
        else {
          isStale = false
          controller.enqueue(encodeSse({ data: desk.snapshot() }))
        }
        cancelPause = clock.schedule(throttleMs, () => {
          cancelPause = null
          if (isStale) say()
        })
      }
      const keepAlive = (): void => {
        cancelKeepAlive = clock.schedule(keepAliveMs, () => {
          controller.enqueue(new TextEncoder().encode(': still here\n\n'))
          keepAlive()
        })
      }
      const forget = desk.onChange(() => {
        if (cancelPause === null) say()
        else isStale = true
      })
      close = () => {
        forget()
        cancelPause?.()
        cancelKeepAlive()
      }
      say()
      keepAlive()
    },
    cancel: () => {
      close()
      onEnd()
    },
  })
}
