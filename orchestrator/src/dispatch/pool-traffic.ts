/** What the page draws of the work itself: the last lap, laps counted, tokens a second over the last seconds. */
import { createHash } from 'node:crypto'
import { lapParts } from '@computepool/shared/pipeline'
import type { PoolSnapshot } from '@computepool/shared/swarm'
import type { Lap } from './live-request.ts'

/** The id opens its request's trace: everybody sees the pool, and is told only that laps are of one request or of two. */
const nameOf = (requestId: string): string => createHash('sha256').update(requestId).digest('hex').slice(0, 8)

const windowMs = 5000
/** Rings whose last lap is kept. */
const mostRings = 16

export interface PoolTraffic {
  record(lap: Lap, atMs: number): void
  /** `epoch`: of the ring whose last lap is shown; laps and tokens are those of all. */
  view(atMs: number, epoch: number | null): Pick<PoolSnapshot, 'lastLap' | 'laps' | 'tokensPerSecond'>
}

export function createPoolTraffic(): PoolTraffic {
  const lastLaps = new Map<number, NonNullable<PoolSnapshot['lastLap']>>()
  let laps = 0
  let times: number[] = []
  const recent = (atMs: number): number[] => times.filter(time => atMs - time < windowMs)
  return {
    record: ({ requestId, epoch, lapMs, trace }, atMs) => {
      const hops = trace.map(({ seat, computeMs, queueMs }) => ({ seat, computeMs, queueMs }))
      lastLaps.delete(epoch)
      lastLaps.set(epoch, { requestId: nameOf(requestId), lapMs, hops, wireMs: lapParts(lapMs, trace).wireMs })
      for (const old of [...lastLaps.keys()].slice(0, -mostRings)) lastLaps.delete(old)
      laps++
      times = [...recent(atMs), atMs]
    },
    view: (atMs, epoch) => {
      const inWindow = recent(atMs)
      const spanMs = inWindow.length < 2 ? 0 : inWindow[inWindow.length - 1]! - inWindow[0]!
      const lastLap = epoch === null ? null : (lastLaps.get(epoch) ?? null)
      return { lastLap, laps, tokensPerSecond: spanMs > 0 ? ((inWindow.length - 1) * 1000) / spanMs : null }
    },
  }
}
