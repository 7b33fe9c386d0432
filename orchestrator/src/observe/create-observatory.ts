/** Traces and metrics of one orchestrator, put together: what listens at the desk, and the routes that tell. */
import type { Clock } from '@computepool/shared/ports'
import type { PoolSnapshot } from '@computepool/shared/swarm'
import type { Context, Hono } from 'hono'
import type { CheckOutcome } from '../audit/index.ts'
import type { Desk, DeskOptions } from '../dispatch/index.ts'
import { processMemory } from '../host.ts'
import type { MoneyDesk } from '../payments/till.ts'
import { metricsRoutes } from './metrics-routes.ts'
import { createPoolMetrics } from './pool-metrics.ts'
import { traceRoutes } from './trace-routes.ts'
import { createTraceStore } from './trace-store.ts'
import { watchRequests } from './watch-requests.ts'

export interface Observatory {
  /** For the desk that is to be watched. */
  readonly hooks: Required<Pick<DeskOptions, 'onLap' | 'onReceipts' | 'onStatus'>>
  /** A check of one of an attempt's seats is over. */
  onCheckEnded(outcome: CheckOutcome, requestId: string): void
  /** The desk, watched. Once. */
  over(desk: Desk): Desk
  /** Below `/api`. */
  traceRoutes(money: MoneyDesk, beginCall: (c: Context) => () => void): Hono
  metricsRoutes(money: MoneyDesk, addressOf: (c: Context) => string): Hono
}

export interface ObservatoryOptions {
  readonly clock: Clock
  /** May read the metrics from elsewhere, besides the owner; null: nobody else. */
  readonly metricsToken: string | null
}

export function createObservatory({ clock, metricsToken }: ObservatoryOptions): Observatory {
  let snapshot = (): PoolSnapshot | null => null
  const traces = createTraceStore()
  const metrics = createPoolMetrics({ snapshot: () => snapshot(), memory: processMemory })
  const watch = watchRequests({ traces, metrics, clock })
  return {
    hooks: { onLap: watch.onLap, onReceipts: metrics.receipted, onStatus: metrics.statusChanged },
    onCheckEnded: (outcome, requestId) => {
      metrics.checked(outcome)
      traces.checked(requestId, outcome, clock.monotonicMs())
    },
    over: desk => {
      snapshot = desk.snapshot
      return watch.over(desk)
    },
    traceRoutes: (money, beginCall) => traceRoutes({ traces, money, clock, beginCall }),
    metricsRoutes: (money, addressOf) => {
      const tokens = [metricsToken, money.mode === 'paid' ? money.ownerToken : null].filter(token => token !== null)
      return metricsRoutes({ metrics, addressOf, tokens })
    },
  }
}
