/** Where the time of one lap went. */
import type { HopTrace } from '@computepool/shared/wire'

export interface LapParts {
  readonly computeMs: number
  /** At the seats behind the entry: a lap begins when the entry's engine does, after the wait before it. */
  readonly queueMs: number
  /** What neither an engine nor a queue accounts for. */
  readonly wireMs: number
}

export function lapParts(lapMs: number, trace: readonly HopTrace[]): LapParts {
  const computeMs = trace.reduce((sum, hop) => sum + hop.computeMs, 0)
  const queueMs = trace.reduce((sum, hop) => sum + (hop.seat === 0 ? 0 : hop.queueMs), 0)
  return { computeMs, queueMs, wireMs: Math.max(0, lapMs - computeMs - queueMs) }
}
