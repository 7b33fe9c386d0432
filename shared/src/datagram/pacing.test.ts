import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRttEstimate, createSendWindow, createThroughput } from './index.ts'

describe('the round trip estimate', () => {
  it('begins with the first sample and follows slowly', () => {
    const rtt = createRttEstimate(15)
    expect(rtt.leastMs).toBeNull()
    rtt.note(100, 0, 0)
    expect([rtt.smoothedMs, rtt.leastMs]).toEqual([100, 100])
    expect(rtt.probeTimeoutMs).toBe(100 + 200 + 15)
    rtt.note(180, 0, 10)
    expect(rtt.smoothedMs).toBe(110)
  })

  it('takes off the time that the other side sat on its ack, but never below what was seen', () => {
    const rtt = createRttEstimate(15)
    rtt.note(100, 0, 0)
    rtt.note(120, 15, 1)
    expect(rtt.smoothedMs).toBeCloseTo(100.625)
    rtt.note(101, 60, 2)
    expect(rtt.smoothedMs).toBeGreaterThan(100)
  })

  it('believes no delay that the other side may not take', () => {
    const rtt = createRttEstimate(15)
    for (let index = 0; index < 20; index += 1) rtt.note(80, 79, index * 100)
    expect(rtt.leastMs).toBe(65)
    expect(rtt.smoothedMs).toBe(80)
  })

  it('forgets a way that was short once', () => {
    const rtt = createRttEstimate(15)
    rtt.note(10, 0, 0)
    for (let index = 1; index <= 30; index += 1) rtt.note(60, 0, index * 100)
    expect(rtt.leastMs).toBe(60)
  })
})

describe('the send window', () => {
  const limits = { initial: 10, least: 2, most: 32 }

  it('doubles until the first loss, then grows by one a round', () => {
    const window = createSendWindow(limits)
    window.noteAcked(10, true)
    expect(window.size).toBe(20)
    window.noteLost(5, 6)
    expect(window.size).toBe(10)
    for (let index = 0; index < 10; index += 1) window.noteAcked(1, true)
    expect(window.size).toBe(10)
    window.noteAcked(1, true)
    expect(window.size).toBe(11)
  })

  it('halves once for losses of one round trip', () => {
    const window = createSendWindow(limits)
    for (let index = 0; index < 8; index += 1) window.noteLost(index, 20)
    expect(window.size).toBe(5)
    window.noteLost(21, 40)
    expect(window.size).toBe(2)
  })

  it('does not grow while it is not full', () => {
    const window = createSendWindow(limits)
    window.noteAcked(100, false)
    expect(window.size).toBe(10)
  })

  it('stays between its limits whatever happens', () => {
    const event = fc.record({ isLoss: fc.boolean(), count: fc.nat(50), atMs: fc.nat(1000) })
    fc.assert(
      fc.property(fc.array(event), events => {
        const window = createSendWindow(limits)
        for (const { isLoss, count, atMs } of events) {
          if (isLoss) window.noteLost(atMs, atMs + 5)
          else window.noteAcked(count, true)
          expect(window.size).toBeGreaterThanOrEqual(2)
          expect(window.size).toBeLessThanOrEqual(32)
        }
      }),
    )
  })
})

describe('the throughput', () => {
  it('is the median of the last large frames', () => {
    const throughput = createThroughput()
    expect(throughput.bytesPerSecond).toBeNull()
    throughput.note(5000, 1)
    expect(throughput.bytesPerSecond).toBeNull()
    throughput.note(100_000, 100)
    throughput.note(100_000, 10_000)
    throughput.note(100_000, 50)
    expect(throughput.bytesPerSecond).toBe(1_000_000)
    for (let index = 0; index < 9; index += 1) throughput.note(100_000, 10)
    expect(throughput.bytesPerSecond).toBe(10_000_000)
  })

  it('is finite where no time passed', () => {
    const throughput = createThroughput()
    throughput.note(50_000, 0)
    expect(throughput.bytesPerSecond).toBe(500_000_000)
  })
})
