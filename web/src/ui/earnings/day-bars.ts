/** Where the bars of the day chart stand. Pure; in the units of the drawing. */
import type { Earnings } from '@computepool/shared/money'

export const chartWidth = 310
export const chartHeight = 72

export interface DayBar {
  readonly day: string
  readonly x: number
  readonly width: number
  readonly height: number
}

/** A day with earnings, however small, gets a bar of one unit: it must not look like a day without. */
export function barsOf(days: Earnings['days']): DayBar[] {
  const best = days.reduce((most, { amountWei }) => (amountWei > most ? amountWei : most), 0n)
  const step = chartWidth / Math.max(7, days.length)
  return days.map(({ day, amountWei }, index) => ({
    day,
    x: index * step,
    width: step * 0.8,
    height: amountWei <= 0n ? 0 : Math.max(1, Number((amountWei * BigInt(chartHeight * 100)) / best) / 100),
  }))
}
