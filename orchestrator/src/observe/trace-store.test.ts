import { expect, test } from 'vitest'
import { createTraceStore, type TraceStore, traceBounds } from './trace-store.ts'

const begin = (store: TraceStore, requestId: string): void => {
  store.begin({ requestId, submittedAtMs: 0, submittedWallMs: 0, promptTokens: 3 })
  store.attempt(requestId, { wireId: `${requestId}-wire`, flowingAtMs: 5, seats: [], roundTrips: new Map() })
}
const fill = (store: TraceStore, requestId: string, laps: number): void => {
  for (let lap = 0; lap < laps; lap++) store.lap(requestId, { atMs: 20 * lap, lapMs: 10, trace: [] })
}

test('a request is found by its own id and by that of any attempt', () => {
  const store = createTraceStore()
  begin(store, 'a')
  store.endAttempt('a', 30, 'moved', new Map())
  store.attempt('a', { wireId: 'second', flowingAtMs: 40, seats: [], roundTrips: new Map() })
  for (const id of ['a', 'a-wire', 'second']) expect(store.find(id)?.requestId).toBe('a')
  expect(store.find('b')).toBeNull()
})

test('ended requests make room first, the oldest of them before the others', () => {
  const store = createTraceStore({ ...traceBounds, mostRequests: 2 })
  begin(store, 'runs')
  begin(store, 'ended')
  store.end('ended', 50, 'stop')
  begin(store, 'new')
  expect(['runs', 'ended', 'new'].map(id => store.find(id) !== null)).toEqual([true, false, true])
})

test('where nothing has ended the oldest goes', () => {
  const store = createTraceStore({ ...traceBounds, mostRequests: 2 })
  for (const id of ['a', 'b', 'c']) begin(store, id)
  expect(['a', 'b', 'c'].map(id => store.find(id) !== null)).toEqual([false, true, true])
})

test('all laps together keep within their room, and the request at work is the last to go', () => {
  const store = createTraceStore({ ...traceBounds, mostNumbers: 2000 })
  begin(store, 'a')
  fill(store, 'a', 300)
  store.end('a', 9000, 'length')
  begin(store, 'b')
  fill(store, 'b', 300)
  expect(store.find('a')).toBeNull()
  expect(store.find('b')?.attempts[0]?.log.laps()).toHaveLength(300)
})

test('a request that moves for ever keeps its first attempt and the last ones', () => {
  const store = createTraceStore({ ...traceBounds, mostAttempts: 3 })
  begin(store, 'a')
  for (const wireId of ['w2', 'w3', 'w4', 'w5']) {
    store.attempt('a', { wireId, flowingAtMs: 0, seats: [], roundTrips: new Map() })
  }
  expect(store.find('a')?.attempts.map(({ wireId }) => wireId)).toEqual(['a-wire', 'w4', 'w5'])
})
