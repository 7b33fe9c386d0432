import { createManualClock } from '@computepool/shared/testing'
import { expect, it } from 'vitest'
import { openFakeRings, orderOf } from '../../testing/fake-rings.ts'
import type { Desk, LiveRequest } from '../dispatch/index.ts'
import { createPoolMetrics } from './pool-metrics.ts'
import { createTraceStore } from './trace-store.ts'
import { watchRequests } from './watch-requests.ts'

it('ends the trace of a request whose money is found spent as it begins to flow', () => {
  const traces = createTraceStore()
  const metrics = createPoolMetrics({ snapshot: () => null, memory: () => ({}) as never })
  const watch = watchRequests({ traces, metrics, clock: createManualClock() })
  const { table, ring, jobs, say } = openFakeRings()
  table.setRings([ring(1)], null)
  const desk = watch.over({
    submit: table.submit,
    snapshot: () => ({ seats: [], rings: [] }),
  } as unknown as Desk)
  const live: LiveRequest = desk.submit(orderOf(), {
    onFlowing: () => live.cutShort('cap'),
    onToken: () => {},
    onEnded: () => {},
  })
  const { requestId } = jobs(1)[0]!
  say(1, { type: 'request-flowing', requestId })
  const traced = traces.find(requestId)!
  expect([traced.outcome, traced.attempts.map(({ outcome }) => outcome)]).toEqual(['cap', ['cap']])
})
