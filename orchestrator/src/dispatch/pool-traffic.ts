/** What the page draws of the work itself: the last lap, laps counted, tokens a second over the last seconds. */
import type { PoolSnapshot } from '@computepool/shared/swarm'
import type { Lap } from './live-request.ts'

const windowMs = 5000

export interface PoolTraffic {
  record(lap: Lap, atMs: number): void
  view(atMs: number): Pick<PoolSnapshot, 'lastLap' | 'laps' | 'tokensPerSecond'>
}

export function createPoolTraffic(): PoolTraffic {
  let lastLap: PoolSnapshot['lastLap'] = null
  let laps = 0
  let times: number[] = []
  const recent = (atMs: number): number[] => times.filter(time => atMs - time < windowMs)
  return {
    record: ({ requestId, lapMs, trace }, atMs) => {
      const spent = trace.reduce((sum, hop) => sum + hop.computeMs + hop.queueMs, 0)
      const hops = trace.map(({ seat, computeMs, queueMs }) => ({ seat, computeMs, queueMs }))
      lastLap = { requestId, lapMs, hops, wireMs: Math.max(0, lapMs - spent) }
      laps++
      times = [...recent(atMs), atMs]
    },
    view: atMs => {
      const inWindow = recent(atMs)
      const spanMs = inWindow.length < 2 ? 0 : inWindow[inWindow.length - 1]! - inWindow[0]!
      return { lastLap, laps, tokensPerSecond: spanMs > 0 ? ((inWindow.length - 1) * 1000) / spanMs : null }
    },
  }
}
