/** A day's earnings out of the orchestrator's UTC days. Pure. */
import type { Earnings } from '@computepool/shared/money'

export function todayWei(days: Earnings['days'], nowWallMs: number): bigint {
  const today = new Date(nowWallMs).toISOString().slice(0, 10)
  return days.find(({ day }) => day === today)?.amountWei ?? 0n
}
