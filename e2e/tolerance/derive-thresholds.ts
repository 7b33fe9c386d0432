/**
 * From figures to thresholds. Pure.
 *
 * What a pair needs in a tier is the largest, over its entries of that tier and of those below, of `margin` times the largest error and of
 * the fitted tail; two digits, rounded up. The tail speaks for rows like those measured, of which millions more will come; the margin for
 * models unlike them. No threshold is below what the native pair of the same float types needs, which was measured most: a few rows on a
 * slow engine cannot show that it is closer.
 */
import { roundUp, tailProbability } from './distribution.ts'
import { type Entry, orderedPair, pairName, type Threshold, type ToleranceData } from './tolerance-data.ts'

export const rule: ToleranceData['rule'] = { margin: 4, tailProbability }

/** One threshold for each pair, metric and tier that has entries, in the order of their names. */
export function deriveThresholds(entries: readonly Entry[], { margin } = rule): Threshold[] {
  const needOf = (pair: string, { metric, layers }: Pick<Entry, 'metric' | 'layers'>) =>
    entries
      .filter(each => each.metric === metric && each.layers <= layers && pairName(each.producer, each.auditor) === pair)
      .reduce((most, { max, fittedTail }) => Math.max(most, margin * max, fittedTail), 0)
  const groups = new Map<string, Entry[]>()
  for (const entry of entries) {
    const name = `${entry.metric} ${pairName(entry.producer, entry.auditor)} ${String(entry.layers).padStart(3)}`
    groups.set(name, [...(groups.get(name) ?? []), entry])
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, group]) => {
      const { producer, auditor, metric, layers } = group[0]!
      const native = pairName({ ...producer, engine: 'native' }, { ...auditor, engine: 'native' })
      return {
        ...orderedPair(producer, auditor),
        metric,
        layers,
        threshold: roundUp(Math.max(needOf(pairName(producer, auditor), group[0]!), needOf(native, group[0]!)), 2),
        samples: group.reduce((sum, { samples }) => sum + samples, 0),
      }
    })
}
