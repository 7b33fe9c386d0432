import { createManualClock } from '@computepool/shared/testing'
import { describe, expect, it } from 'vitest'
import { measureRoundTrip, type RoundTrip } from './round-trip.ts'

/** A way of 10 ms there and back, and `waits` that pongs spend behind a step at the other side, in turn. */
function open(waits: readonly number[]) {
  const clock = createManualClock()
  const told: number[] = []
  let silentMs: number | null = null
  let pings = 0
  const trip: RoundTrip = measureRoundTrip({
    clock,
    sendPing(nonce) {
      const waitMs = waits[pings++ % waits.length] ?? 0
      if (waitMs === Number.POSITIVE_INFINITY) return
      clock.schedule(10 + waitMs, () => {
        trip.noteHeard()
        trip.acceptPong(nonce)
      })
    },
    onMeasured: rttMs => told.push(rttMs),
    onSilence(ms) {
      silentMs = ms
    },
    idleIntervalMs: 400,
    busyIntervalMs: 100,
    silenceLimitMs: 5000,
    busySilenceLimitMs: 2000,
  })
  return { clock, told, trip, silentMs: () => silentMs }
}

describe('the round trip', () => {
  it('is the way’s, whatever the other side’s steps add', async () => {
    const { clock, trip } = open([0, 30, 120])
    await clock.advance(5000)
    expect(trip.rttMs).toBe(10)
  })

  it('grows when the way itself gets longer', async () => {
    const waits = Array.from({ length: 100 }, (_, index) => (index < 10 ? 0 : 50))
    const { clock, trip } = open(waits)
    await clock.advance(12_000)
    expect(trip.rttMs).toBe(60)
  })

  it('outlasts a long step of the other side while pings are frequent', async () => {
    const waits = Array.from({ length: 100 }, (_, index) => (index < 10 ? 0 : 300))
    const { clock, trip } = open(waits)
    for (let step = 0; step < 260; step += 1) {
      trip.noteTraffic()
      await clock.advance(10)
    }
    expect(trip.rttMs).toBe(10)
  })

  it('is told at most once a second', async () => {
    const { clock, told, trip } = open([0])
    for (let step = 0; step < 50; step += 1) {
      trip.noteTraffic()
      await clock.advance(100)
    }
    expect(told.length).toBeGreaterThanOrEqual(4)
    expect(told.length).toBeLessThanOrEqual(6)
  })

  it('ignores pongs that nobody asked for', async () => {
    const { trip } = open([Number.POSITIVE_INFINITY])
    trip.acceptPong(77)
    expect(trip.rttMs).toBeNull()
  })

  it('tells silence once, and then stops', async () => {
    const { clock, silentMs } = open([Number.POSITIVE_INFINITY])
    await clock.advance(60_000)
    expect(silentMs()).toBeGreaterThanOrEqual(5000)
    expect(silentMs()).toBeLessThan(5500)
    expect(clock.pending).toBe(0)
  })
})
