/**
 * Stands between whoever submits requests and the desk, hears what happens to each, and tells traces and metrics. What it hears it
 * hands on unchanged: neither meter nor answer waits for it.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import type { PoolSnapshot } from '@computepool/shared/swarm'
import type { Desk, Lap, LiveRequest, RequestObserver } from '../dispatch/index.ts'
import type { PoolMetrics } from './pool-metrics.ts'
import type { RoundTrips, TraceStore } from './trace-store.ts'

export interface RequestWatch {
  /** The desk, watched: what is submitted through it is seen. */
  over(desk: Desk): Desk
  /** For the desk's options. */
  readonly onLap: (lap: Lap, atMs: number) => void
}

interface Watched {
  live: LiveRequest | null
  /** The id under which the ring at work knows it. */
  wireId: string | null
  submittedAtMs: number
  lastTokenAtMs: number | null
  movedAtMs: number | null
  tokens: number
}

export interface RequestWatchOptions {
  readonly traces: TraceStore
  readonly metrics: PoolMetrics
  readonly clock: Clock
}

export function watchRequests({ traces, metrics, clock }: RequestWatchOptions): RequestWatch {
  /** By the id of the attempt at work. */
  const flowing = new Map<string, Watched>()
  let roundTrips = (): RoundTrips => new Map()

  const begin = (live: LiveRequest, watched: Watched, promptTokens: number): void => {
    const { requestId, submittedAtMs } = live
    watched.live = live
    watched.submittedAtMs = submittedAtMs
    traces.begin({ requestId, submittedAtMs, submittedWallMs: clock.wallMs(), promptTokens })
    metrics.submitted(promptTokens)
  }

  const hearFlowing = (watched: Watched, wireId: string, atMs: number, cachedTokens: number): void => {
    watched.wireId = wireId
    flowing.set(wireId, watched)
    metrics.flowing(cachedTokens)
    const { live } = watched
    if (live === null) return
    traces.attempt(live.requestId, { wireId, flowingAtMs: atMs, seats: live.seats(), roundTrips: roundTrips() })
  }

  const hearToken = (watched: Watched, atMs: number): void => {
    const { lastTokenAtMs, submittedAtMs, movedAtMs } = watched
    watched.tokens++
    watched.lastTokenAtMs = atMs
    watched.movedAtMs = null
    metrics.token()
    if (lastTokenAtMs === null) metrics.firstToken(atMs - submittedAtMs)
    else metrics.betweenTokens(atMs - lastTokenAtMs)
    if (movedAtMs !== null) metrics.resumed(atMs - (lastTokenAtMs ?? movedAtMs))
  }

  const hearEnd = (watched: Watched, atMs: number, outcome: string): void => {
    const { live, wireId } = watched
    if (wireId !== null) flowing.delete(wireId)
    const isMoved = outcome === 'moved'
    if (live !== null && wireId !== null) traces.endAttempt(live.requestId, atMs, outcome, roundTrips())
    watched.wireId = null
    if (isMoved) {
      watched.movedAtMs ??= atMs
      metrics.moved()
      return
    }
    if (live !== null) traces.end(live.requestId, atMs, outcome)
    metrics.ended(outcome, watched.tokens)
  }

  const observe = (watched: Watched, observer: RequestObserver | undefined): RequestObserver => ({
    ...observer,
    onFlowing: (...said) => {
      const [wireId, atMs, cachedTokens = 0] = said
      // Before the others: they may end the request here, and its end must find it.
      hearFlowing(watched, wireId, atMs, cachedTokens)
      observer?.onFlowing(...said)
    },
    onToken: (...said) => {
      // Before the others: they may cut the request short, and this token was heard before that.
      hearToken(watched, said[1])
      observer?.onToken(...said)
    },
    onEnded: (...said) => {
      observer?.onEnded(...said)
      hearEnd(watched, said[1].atMs, said[1].outcome)
    },
  })

  return {
    over: desk => {
      roundTrips = () => roundTripsOf(desk.snapshot())
      return {
        ...desk,
        submit: (order, observer) => {
          const watched: Watched = {
            live: null,
            wireId: null,
            submittedAtMs: clock.monotonicMs(),
            lastTokenAtMs: null,
            movedAtMs: null,
            tokens: 0,
          }
          try {
            const live = desk.submit(order, observe(watched, observer))
            begin(live, watched, order.promptTokens.length)
            return live
          } catch (thrown) {
            metrics.refused(thrown instanceof ComputePoolError ? thrown.code : 'unknown')
            throw thrown
          }
        },
      }
    },
    onLap: ({ requestId, lapMs, trace }, atMs) => {
      metrics.lap(lapMs, trace)
      const live = flowing.get(requestId)?.live
      if (live !== undefined && live !== null) traces.lap(live.requestId, { atMs, lapMs, trace })
    },
  }
}

/** Of every seat that the pool shows, to the next of its ring. */
function roundTripsOf({ seats, rings = [] }: Pick<PoolSnapshot, 'seats' | 'rings'>): RoundTrips {
  const all = [...seats, ...rings.flatMap(ring => ring.seats)]
  return new Map(all.flatMap(({ peer, linkRttMs }) => (linkRttMs === null ? [] : [[peer, linkRttMs] as const])))
}
