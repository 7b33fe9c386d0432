/** What every bench suite returns, and how it is printed: a table for people on stderr, one JSON line last on stdout. */
import { median } from '../harness/median.ts'

export interface BenchRow {
  readonly name: string
  readonly median: number
  readonly p95: number
  readonly unit: string
  /** The figure an issue asks for, and whether this run reached it. */
  readonly reach?: number
  readonly ok?: boolean
  /** 95 % of where the figure lies, where the row tells it. */
  readonly low?: number
  readonly high?: number
  /** Where an interval judges, and no bare figure: null is a figure that may be good, and was not proven to be. */
  readonly reached?: boolean | null
}

export interface BenchReport {
  readonly suite: string
  readonly device: string
  readonly rows: readonly BenchRow[]
  /** The rows that an interval judged, where the suite has such: what an issue asks for, by its name. */
  readonly reaches?: readonly BenchRow[]
}

/** The value below which a share `q` (0..1) of `values` lies, by the nearest rank. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) return Number.NaN
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))]!
}

/** A row from raw samples; `reach` says which side is good. */
export function benchRow(
  name: string,
  unit: string,
  samples: readonly number[],
  reach?: { readonly atLeast: number } | { readonly atMost: number },
): BenchRow {
  const middle = round(median(samples))
  const row = { name, median: middle, p95: round(quantile(samples, 0.95)), unit }
  if (reach === undefined) return row
  return 'atLeast' in reach
    ? { ...row, reach: reach.atLeast, ok: middle >= reach.atLeast }
    : { ...row, reach: reach.atMost, ok: middle <= reach.atMost }
}

function round(value: number): number {
  return Number(value.toPrecision(4))
}

/** The report as a table of plain text. */
export function formatReport(report: BenchReport): string {
  const lines = report.rows.map(row => {
    const verdict = row.ok ? 'ok' : row.reached === null ? 'NOT SHOWN' : 'NOT REACHED'
    const reach = row.reach === undefined ? '' : `  reach ${row.reach} ${verdict}`
    const spread =
      row.low === undefined || row.high === undefined ? '' : `  [${row.low.toPrecision(5)}, ${row.high.toPrecision(5)}]`
    return `  ${row.name.padEnd(56)} ${String(row.median).padStart(10)} ${row.unit.padEnd(10)} p95 ${String(row.p95).padStart(10)}${spread}${reach}`
  })
  return [`${report.suite} on ${report.device}`, ...lines].join('\n')
}
