/** Where the time of one lap went. The entry measures it from the start of its own step: what the row waited before that is no part of it. */
import type { HopTrace } from '../wire/index.ts'

export interface LapParts {
  readonly computeMs: number
  /** At the seats behind the entry. */
  readonly queueMs: number
  /** What neither an engine nor a queue accounts for. */
  readonly wireMs: number
}

export function lapParts(lapMs: number, trace: readonly HopTrace[]): LapParts {
  const computeMs = trace.reduce((sum, hop) => sum + hop.computeMs, 0)
  const queueMs = trace.reduce((sum, hop) => sum + (hop.seat === 0 ? 0 : hop.queueMs), 0)
  return { computeMs, queueMs, wireMs: Math.max(0, lapMs - computeMs - queueMs) }
}

/** From one token to the next: the lap, and the wait at the entry before it. */
export function betweenTokensMs(lapMs: number, trace: readonly HopTrace[]): number {
  return lapMs + (trace.find(hop => hop.seat === 0)?.queueMs ?? 0)
}
