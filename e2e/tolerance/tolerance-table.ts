/** The measured figures as the table that audits look things up in. Pure. */
import type { ToleranceTable } from '@computepool/shared/audit'
import { pairName, type Seat, type ToleranceData } from './tolerance-data.ts'

/**
 * A row for each pair, quantisation and tier whose hidden states were measured, and whose logits were, there or in a tier below; it reaches
 * as deep as slices of it did. A deeper slice has no row, and is not judged. All quantisations of a pair share its thresholds.
 */
export function tableOf({ entries, thresholds }: ToleranceData): ToleranceTable {
  const rows = entries
    .filter(({ metric }) => metric === 'row-l2')
    .flatMap(({ producer, auditor, quantisation, byLayers, layers: tier, samples, max, p50, p99, p999 }) => {
      const pair = pairName(producer, auditor)
      const thresholdOf = (metric: string) =>
        thresholds
          .filter(
            each => each.metric === metric && each.layers <= tier && pairName(each.producer, each.auditor) === pair,
          )
          .reduce((most, { threshold }) => Math.max(most, threshold), 0)
      const relative = thresholdOf('row-l2')
      const logit = thresholdOf('logit')
      if (logit === 0) return []
      const sides: [ReturnType<typeof sideOf>, ReturnType<typeof sideOf>] = [sideOf(producer), sideOf(auditor)]
      const quantiles: [number, number][] = [
        [0.5, p50],
        [0.99, p99],
        [0.999, p999],
      ]
      const layers = Math.max(...Object.keys(byLayers).map(Number))
      return { sides, quantisation, layers, relative, logit, measured: { rows: samples, worst: max, quantiles } }
    })
  return { format: 'computepool-tolerance', version: 1, rows }
}

function sideOf({ engine, dtype }: Seat) {
  return { kind: engine, dtype }
}
