/** The committed figures: whole, and nothing in them that does not follow from them. */
import { readFile } from 'node:fs/promises'
import { parseToleranceTable } from '@computepool/shared/audit'
import { expect, test } from 'vitest'
import { deriveThresholds, rule } from './derive-thresholds.ts'
import { type Metric, pairName, type Seat, toleranceSchema } from './tolerance-data.ts'
import { tableOf } from './tolerance-table.ts'

const read = async (name: string): Promise<unknown> =>
  JSON.parse(await readFile(new URL(name, import.meta.url), 'utf8'))
const data = toleranceSchema.parse(await read('figures.json'))
interface Named {
  readonly producer: Seat
  readonly auditor: Seat
  readonly metric: Metric
  readonly layers: number
}
const nameOf = ({ producer, auditor, metric, layers }: Named) => `${metric} ${pairName(producer, auditor)} ${layers}`

test('the thresholds follow from the entries by the rule that is told', () => {
  expect(data.rule).toEqual(rule)
  expect(data.thresholds).toEqual(deriveThresholds(data.entries))
})

test('what audits read is these thresholds', async () => {
  expect(parseToleranceTable(await read('../../shared/src/audit/tolerance.json'))).toEqual(tableOf(data))
})

test('no honest row that was measured crosses, neither of the entries nor of the proof', () => {
  const thresholds = new Map(data.thresholds.map(each => [nameOf(each), each.threshold]))
  for (const entry of data.entries) expect(entry.max, nameOf(entry)).toBeLessThan(thresholds.get(nameOf(entry))!)
  for (const each of data.proof) {
    expect(each.crossed, nameOf(each)).toBe(0)
    expect(each.max, nameOf(each)).toBeLessThan(thresholds.get(nameOf(each))!)
  }
})

test('figures of an entry are in order, and its layers’ worst is its worst', () => {
  for (const { p50, p99, p999, max, fittedTail, byLayers } of data.entries) {
    const figures = [p50, p99, p999, max, fittedTail]
    expect(figures).toEqual(figures.toSorted((a, b) => a - b))
    expect(Math.max(...Object.values(byLayers))).toBe(max)
  }
})

test('pairs that pools are made of were proved on enough rows', () => {
  const rowsOf = (pair: string) =>
    data.proof
      .filter(each => each.metric === 'row-l2' && pairName(each.producer, each.auditor) === pair)
      .reduce((sum, { rows }) => sum + rows, 0)
  expect(rowsOf('native f32 / native f32')).toBeGreaterThanOrEqual(10_000)
  expect(rowsOf('native f32 / native f16')).toBeGreaterThanOrEqual(10_000)
  expect(rowsOf('native f32 / wasm f32')).toBeGreaterThanOrEqual(3_000)
})

test('in f32 every cheat is found on every row, even rounding to f16', () => {
  const inF32 = data.cheats.filter(({ producer, auditor }) => producer.dtype === 'f32' && auditor.dtype === 'f32')
  expect(inF32.length).toBeGreaterThan(20)
  for (const each of inF32) expect(each.found, `${each.cheat} ${each.model} ${each.layers}`).toBe(1)
})
