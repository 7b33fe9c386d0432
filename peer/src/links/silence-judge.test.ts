import { describe, expect, it } from 'vitest'
import { createSilenceJudge } from './silence-judge.ts'

const limits = { idleMs: 30_000, busyMs: 5000, lookMs: 800 }

/** A link that is looked at every 100 ms; `until` goes on as `each` says and answers when it was found silent. */
function open() {
  const judge = createSilenceJudge(limits, 0)
  let nowMs = 0
  return {
    judge,
    now: () => nowMs,
    /** This side's thread stands still. */
    stall(durationMs: number) {
      nowMs += durationMs
    },
    run(durationMs: number, each: (nowMs: number) => void = () => {}): number | null {
      for (const endMs = nowMs + durationMs; nowMs < endMs; ) {
        nowMs += 100
        each(nowMs)
        if (judge.look(nowMs) !== null) return nowMs
      }
      return null
    },
  }
}

/** Frames and answers, with a silence of `stepMs` between answers. */
function work(link: ReturnType<typeof open>, durationMs: number, stepMs = 100): number | null {
  let heardMs = link.now()
  return link.run(durationMs, nowMs => {
    link.judge.noteTraffic(nowMs)
    if (nowMs - heardMs < stepMs) return
    heardMs = nowMs
    link.judge.noteHeard(nowMs)
  })
}

describe('a side that falls silent', () => {
  it('is given up within five seconds under traffic', () => {
    const link = open()
    expect(work(link, 10_000)).toBeNull()
    const sinceMs = link.now()
    expect(link.run(60_000)! - sinceMs).toBeLessThanOrEqual(5000)
  })

  it('is given up within fifteen seconds of the first frame after a pause that it does not answer', () => {
    const link = open()
    work(link, 10_000)
    expect(link.run(20_000, nowMs => nowMs % 400 === 0 && link.judge.noteHeard(nowMs))).toBeNull()
    // Idle: nobody waits for it.
    expect(link.run(10_000)).toBeNull()
    const sinceMs = link.now()
    const silentMs = link.run(60_000, nowMs => link.judge.noteTraffic(nowMs))! - sinceMs
    expect(silentMs).toBeGreaterThan(14_000)
    expect(silentMs).toBeLessThanOrEqual(15_000)
  })

  it('has half a minute while nothing passes, or before it was known', () => {
    const idle = open()
    expect(idle.run(60_000)).toBe(30_000)
    const fresh = open()
    expect(fresh.run(60_000, nowMs => fresh.judge.noteTraffic(nowMs))).toBe(30_000)
  })

  it('has longer where its steps take long, and no longer when they are quick again', () => {
    const link = open()
    expect(work(link, 60_000, 1500)).toBeNull()
    const sinceMs = link.now()
    const silentMs = link.run(60_000)! - sinceMs
    expect(silentMs).toBeGreaterThan(14_000)
    const quick = open()
    work(quick, 60_000, 1500)
    work(quick, 90_000, 100)
    const fromMs = quick.now()
    expect(quick.run(60_000)! - fromMs).toBeLessThanOrEqual(5000)
  })

  it.each([10_000, 90_000])('is known for its steps after %i ms in which nothing passed', pauseMs => {
    const link = open()
    expect(work(link, 32_000, 8000)).toBeNull()
    expect(work(link, 120_000)).toBeNull()
    expect(link.run(pauseMs, nowMs => nowMs % 400 === 0 && link.judge.noteHeard(nowMs))).toBeNull()
    // Some quick words, then a step of the next turn's prompt.
    expect(work(link, 3000)).toBeNull()
    expect(work(link, 16_500, 8000)).toBeNull()
  })

  it('is as good as any other after ten minutes of quick work', () => {
    const link = open()
    work(link, 32_000, 8000)
    work(link, 11 * 60_000)
    const sinceMs = link.now()
    expect(link.run(60_000)! - sinceMs).toBeLessThanOrEqual(5000)
  })

  it('may load what a new assignment gives it', () => {
    const link = open()
    work(link, 10_000)
    link.judge.noteAssigned()
    expect(link.run(25_000)).toBeNull()
  })

  it('may load too where a frame of before comes late', () => {
    const link = open()
    work(link, 10_000)
    link.judge.noteAssigned()
    link.judge.noteTraffic(link.now())
    expect(link.run(25_000)).toBeNull()
  })

  it('is not blamed for a silence in which this side did not listen', () => {
    const link = open()
    work(link, 10_000)
    link.stall(60_000)
    expect(link.run(500)).toBeNull()
    expect(work(link, 5000)).toBeNull()
    // A step of this side each second: the other has all the longer.
    const sinceMs = link.now()
    let last: number | null = null
    while (last === null) {
      link.stall(900)
      last = link.run(100)
    }
    expect(last - sinceMs).toBeLessThan(8000)
  })
})
