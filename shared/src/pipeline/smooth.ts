/** An exponential mean over about the last eight values. */
export function smooth(before: number | null, value: number): number {
  return before === null ? value : before + (value - before) / 8
}
