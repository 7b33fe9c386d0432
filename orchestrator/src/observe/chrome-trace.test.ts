import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RingSeat } from '../dispatch/ring.ts'
import { chromeTraceOf } from './chrome-trace.ts'
import { createTraceStore, type TracedRequest } from './trace-store.ts'
import type { TraceEvent } from './trace-tracks.ts'

const seat = (index: number, peer: string): RingSeat => ({
  seat: index,
  peer: peer as RingSeat['peer'],
  layers: { start: index * 2, end: index * 2 + 2 },
  engine: 'wasm',
  kvBudgetBytes: 1,
})
const hops = [
  { seat: 0, computeMs: 3, queueMs: 2 },
  { seat: 1, computeMs: 4, queueMs: 1 },
]

/** One that flowed at 105 on seats a and b, and whose laps were heard at these times. */
function traced(
  lapEnds: readonly number[],
  roundTrips = new Map([
    ['a', 6],
    ['b', 2],
  ]),
): TracedRequest {
  const store = createTraceStore()
  store.begin({ requestId: 'r', submittedAtMs: 100, submittedWallMs: 0, promptTokens: 7 })
  const seats = [seat(0, 'a'), seat(1, 'b')]
  store.attempt('r', { wireId: 'r', flowingAtMs: 105, seats, roundTrips })
  for (const atMs of lapEnds) store.lap('r', { atMs, lapMs: 12, trace: hops })
  return store.find('r')!
}

const stretches = (events: readonly TraceEvent[], pid: number): unknown[] =>
  events.filter(event => event.ph === 'X' && event.pid === pid).map(({ name, tid, ts, dur }) => [name, tid, ts, dur])

describe('the Chrome trace of a request', () => {
  it('places each hop from its lap’s start, and deals the wire out by round trips', () => {
    const { traceEvents } = chromeTraceOf(traced([120]), 130)
    // The lap is 108 to 120: 3 ms at a, then b waits 1 and computes 4; of the 4 ms left, a's link has 6 of 8 parts.
    expect(stretches(traceEvents, 2)).toEqual([
      ['wait, prompt', 61, 6000, 2000],
      ['prompt', 41, 8000, 3000],
      ['send, prompt', 81, 11_000, 3000],
    ])
    expect(stretches(traceEvents, 3)).toEqual([
      ['wait, prompt', 61, 14_000, 1000],
      ['prompt', 41, 15_000, 4000],
      ['send, prompt', 81, 19_000, 1000],
    ])
    expect(stretches(traceEvents, 1)).toEqual([
      ['queued and sent', 1, 0, 5000],
      ['attempt 1', 1, 5000, 25_000],
      ['earlier chunks of the prompt', 21, 5000, 3000],
      ['prompt', 21, 8000, 12_000],
    ])
  })

  it('names processes and threads, and says what is derived', () => {
    const { traceEvents, otherData, displayTimeUnit } = chromeTraceOf(traced([120, 140]), 150)
    const names = traceEvents.filter(({ name }) => name === 'process_name').map(({ pid, args }) => [pid, args?.name])
    expect(names).toEqual([
      [1, 'orchestrator'],
      [2, 'seat 0: layers 0–1, wasm, a'],
      [3, 'seat 1: layers 2–3, wasm, b'],
    ])
    const threads = traceEvents.filter(event => event.name === 'thread_name' && event.pid === 2)
    expect(threads.map(({ args }) => args?.name).sort()).toEqual(['compute', 'queue', 'wire'])
    expect(displayTimeUnit).toBe('ms')
    expect(otherData).toMatchObject({ requestId: 'r', laps: 2, tokens: 2, attempts: 1, outcome: 'running' })
    expect(otherData.clocks).toContain('not synchronised')
    expect(otherData.wire).toContain('measured round trips')
  })

  it('shares the wire equally where no round trip is known, and says so', () => {
    const { traceEvents, otherData } = chromeTraceOf(traced([120], new Map()), 130)
    const wires = traceEvents.filter(({ name }) => name === 'send, prompt').map(({ dur }) => dur)
    expect(wires).toEqual([2000, 2000])
    expect(otherData.wire).toContain('equally')
  })

  it('shows a lost ring, the silence, and the peer that took the seat over', () => {
    const store = createTraceStore()
    store.begin({ requestId: 'r', submittedAtMs: 0, submittedWallMs: 0, promptTokens: 1 })
    const first = [seat(0, 'a'), seat(1, 'b')]
    store.attempt('r', { wireId: 'w1', flowingAtMs: 1, seats: first, roundTrips: new Map() })
    store.lap('r', { atMs: 20, lapMs: 12, trace: hops })
    store.endAttempt('r', 30, 'moved', new Map())
    store.attempt('r', { wireId: 'w2', flowingAtMs: 45, seats: [seat(0, 'a'), seat(1, 'c')], roundTrips: new Map() })
    store.lap('r', { atMs: 60, lapMs: 12, trace: hops })
    store.endAttempt('r', 61, 'stop', new Map())
    store.end('r', 61, 'stop')
    const { traceEvents, otherData } = chromeTraceOf(store.find('r')!, 1000)
    const told = traceEvents.filter(event => event.ph === 'X' && event.pid === 1 && event.tid === 1)
    expect(told.map(({ name, ts, dur }) => [name, ts, dur])).toEqual([
      ['queued and sent', 0, 1000],
      ['attempt 1', 1000, 29_000],
      ['waiting for another attempt', 30_000, 15_000],
      ['attempt 2', 45_000, 16_000],
    ])
    expect(stretches(traceEvents, 4)).toHaveLength(3)
    expect(otherData).toMatchObject({ attempts: 2, outcome: 'stop' })
  })

  it('whatever peers claim, no two stretches of a thread cross, and every one has a length', () => {
    const hop = fc.record({
      seat: fc.integer({ min: 0, max: 3 }),
      computeMs: fc.double({ min: 0, max: 50, noNaN: true }),
      queueMs: fc.double({ min: 0, max: 50, noNaN: true }),
    })
    const lap = fc.record({
      gapMs: fc.double({ min: 0, max: 40, noNaN: true }),
      lapMs: fc.double({ min: 0, max: 100, noNaN: true }),
      trace: fc.array(hop, { maxLength: 5 }),
    })
    fc.assert(
      fc.property(fc.array(lap, { maxLength: 30 }), laps => {
        const store = createTraceStore()
        store.begin({ requestId: 'r', submittedAtMs: 0, submittedWallMs: 0, promptTokens: 1 })
        store.attempt('r', { wireId: 'r', flowingAtMs: 0, seats: [seat(0, 'a')], roundTrips: new Map() })
        let atMs = 0
        for (const { gapMs, lapMs, trace } of laps) {
          atMs += gapMs
          store.lap('r', { atMs, lapMs, trace })
        }
        const { traceEvents } = chromeTraceOf(store.find('r')!, atMs + 1)
        const threads = new Map<string, TraceEvent[]>()
        for (const event of traceEvents.filter(({ ph }) => ph === 'X')) {
          const key = `${event.pid}.${event.tid}`
          threads.set(key, [...(threads.get(key) ?? []), event])
        }
        for (const events of threads.values()) {
          const sorted = [...events].sort((a, b) => a.ts! - b.ts!)
          sorted.forEach((event, index) => {
            expect(event.dur).toBeGreaterThan(0)
            const before = sorted[index - 1]
            if (before !== undefined) expect(event.ts! - (before.ts! + before.dur!)).toBeGreaterThan(-1e-3)
          })
        }
      }),
    )
  })
})
