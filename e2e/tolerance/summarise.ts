/** All measured cases as the data that is committed. Pure. */
import { deriveThresholds, rule } from './derive-thresholds.ts'
import { distributionOf, quantileOf, roundUp } from './distribution.ts'
import type { CaseRecord, ErrorGroup } from './measure-case.ts'
import { type Entry, orderedPair, pairName, type Threshold, type ToleranceData, tierOf } from './tolerance-data.ts'

export interface RunFacts {
  /** Of the day, as 2026-01-31. */
  readonly date: string
  /** The machine in words. */
  readonly device: string
}

interface Measured {
  readonly record: CaseRecord
  readonly group: ErrorGroup
}

export function summarise(records: readonly CaseRecord[], { date, device }: RunFacts): ToleranceData {
  const measured = records.flatMap(record => record.groups.map(group => ({ record, group })))
  const of = (purpose: string) => measured.filter(({ record }) => record.case.purpose === purpose)
  const entries = entriesOf(of('calibration'))
  const thresholds = deriveThresholds(entries)
  const engines = [...new Set(records.flatMap(record => record.devices))].sort()
  const samples = measured.reduce((sum, { group }) => sum + group.errors.length, 0)
  return {
    version: 1,
    rule,
    runs: [{ date, device, engines, samples }],
    entries,
    thresholds,
    proof: proofOf(of('proof'), thresholds),
    cheats: cheatsOf(of('cheat'), thresholds),
  }
}

function grouped(measured: readonly Measured[], nameOf: (each: Measured) => string): Measured[][] {
  const groups = new Map<string, Measured[]>()
  for (const each of measured) {
    const name = nameOf(each)
    const group = groups.get(name)
    if (group === undefined) groups.set(name, [each])
    else group.push(each)
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group)
}

const layersOf = ({ record }: Measured) => record.case.layers.end - record.case.layers.start
const tierName = (each: Measured) => String(tierOf(layersOf(each))).padStart(3)
const pairOf = ({ group }: Measured) => pairName(group.producer, group.auditor)

function entriesOf(measured: readonly Measured[]): Entry[] {
  const nameOf = (each: Measured) =>
    `${each.group.metric} ${pairOf(each)} ${each.record.case.model.quantisation} ${tierName(each)}`
  return grouped(measured, nameOf).map(group => {
    const [{ group: first, record }] = group as [Measured]
    const byLayers: Record<string, number> = {}
    for (const each of group.toSorted((a, b) => layersOf(a) - layersOf(b))) {
      const layers = String(layersOf(each))
      byLayers[layers] = roundUp(Math.max(byLayers[layers] ?? 0, most(each.group.errors)))
    }
    return {
      ...orderedPair(first.producer, first.auditor),
      quantisation: record.case.model.quantisation,
      metric: first.metric,
      layers: tierOf(layersOf(group[0]!)),
      ...distributionOf(group.map(each => each.group.errors)),
      byLayers,
    }
  })
}

function most(errors: Float64Array): number {
  return errors.reduce((largest, error) => Math.max(largest, error), 0)
}

function crossedShare(errors: Float64Array, threshold: number): number {
  return errors.reduce((sum, error) => sum + (error > threshold ? 1 : 0), 0)
}

function thresholdOf(each: Measured, thresholds: readonly Threshold[]): number | null {
  const found = thresholds.find(
    ({ producer, auditor, metric, layers }) =>
      metric === each.group.metric && layers === tierOf(layersOf(each)) && pairName(producer, auditor) === pairOf(each),
  )
  return found?.threshold ?? null
}

function proofOf(measured: readonly Measured[], thresholds: readonly Threshold[]): ToleranceData['proof'] {
  return grouped(measured, each => `${each.group.metric} ${pairOf(each)} ${tierName(each)}`).flatMap(group => {
    const [first] = group as [Measured]
    const threshold = thresholdOf(first, thresholds)
    if (threshold === null) return []
    return {
      ...orderedPair(first.group.producer, first.group.auditor),
      metric: first.group.metric,
      layers: tierOf(layersOf(first)),
      rows: group.reduce((sum, each) => sum + each.group.errors.length, 0),
      max: roundUp(Math.max(...group.map(each => most(each.group.errors)))),
      crossed: group.reduce((sum, each) => sum + crossedShare(each.group.errors, threshold), 0),
    }
  })
}

function cheatsOf(measured: readonly Measured[], thresholds: readonly Threshold[]): ToleranceData['cheats'] {
  return measured.flatMap(each => {
    const { case: of } = each.record
    const threshold = thresholdOf(each, thresholds)
    if (threshold === null) return []
    const sorted = each.group.errors.toSorted()
    return {
      cheat: each.group.cheat!,
      model: of.model.shape,
      quantisation: of.model.quantisation,
      layers: layersOf(each),
      ...orderedPair(each.group.producer, each.group.auditor),
      metric: each.group.metric,
      rows: sorted.length,
      p01: Number(quantileOf(sorted, 0.01).toPrecision(3)),
      p50: Number(quantileOf(sorted, 0.5).toPrecision(3)),
      max: Number(sorted.at(-1)!.toPrecision(3)),
      found: Number((crossedShare(sorted, threshold) / sorted.length).toFixed(4)),
    }
  })
}
