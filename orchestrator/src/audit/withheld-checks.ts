/** Who did not hand over what a check asked for, and how often of late: once may be bad luck. */
import type { Clock } from '@computepool/shared/ports'

export interface WithheldChecks {
  /** Once more; true where that is too often. */
  noted(operator: string): boolean
}

const withinMs = 3_600_000
const mostOperators = 4096

export function createWithheldChecks(clock: Pick<Clock, 'monotonicMs'>): WithheldChecks {
  /** When last. */
  const last = new Map<string, number>()
  return {
    noted: operator => {
      const before = last.get(operator)
      const nowMs = clock.monotonicMs()
      last.delete(operator)
      last.set(operator, nowMs)
      if (last.size > mostOperators) last.delete(last.keys().next().value!)
      return before !== undefined && nowMs - before <= withinMs
    },
  }
}
