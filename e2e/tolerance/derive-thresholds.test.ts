import { expect, test } from 'vitest'
import { deriveThresholds } from './derive-thresholds.ts'
import type { Entry, Seat } from './tolerance-data.ts'

const native: Seat = { engine: 'native', dtype: 'f32' }
const half: Seat = { engine: 'native', dtype: 'f16' }

function entry(more: Partial<Entry>): Entry {
  const figures = { p50: 1e-6, p99: 2e-6, p999: 3e-6, max: 4e-6, fittedTail: 5e-6 }
  const seats = { producer: native, auditor: native }
  return {
    ...seats,
    quantisation: 'q8',
    metric: 'row-l2',
    layers: 6,
    samples: 1000,
    ...figures,
    byLayers: { 1: 4e-6 },
    ...more,
  }
}

test('a threshold is the margin times the largest error of any of the pair’s quantisations', () => {
  const thresholds = deriveThresholds([entry({}), entry({ quantisation: 'q4', max: 6e-6 })])
  expect(thresholds).toEqual([
    { producer: native, auditor: native, metric: 'row-l2', layers: 6, threshold: 2.4e-5, samples: 2000 },
  ])
})

test('a tail that reaches farther than the margin decides', () => {
  expect(deriveThresholds([entry({ fittedTail: 3.21e-5 })])[0]!.threshold).toBe(3.3e-5)
})

test('either direction of a pair is the same pair; other pairs and metrics stay apart', () => {
  const thresholds = deriveThresholds([
    entry({ producer: half, auditor: native, max: 1e-3 }),
    entry({ producer: native, auditor: half, max: 2e-3 }),
    entry({ metric: 'logit', max: 1e-2 }),
    entry({}),
  ])
  expect(thresholds.map(({ metric, threshold }) => [metric, threshold])).toEqual([
    ['logit', 4e-2],
    ['row-l2', 8e-3],
    ['row-l2', 1.6e-5],
  ])
  expect(thresholds[1]).toMatchObject({ producer: native, auditor: half })
})

test('a deeper tier allows what a shallower one does, and not the other way round', () => {
  const find = (entries: readonly Entry[]) =>
    deriveThresholds(entries).map(({ layers, threshold }) => [layers, threshold])
  expect(find([entry({}), entry({ layers: 16, max: 8e-6 })])).toEqual([
    [6, 1.6e-5],
    [16, 3.2e-5],
  ])
  expect(find([entry({}), entry({ layers: 16, max: 1e-6 })])).toEqual([
    [6, 1.6e-5],
    [16, 1.6e-5],
  ])
})

test('few rows of another engine do not ask for more than the native engine keeps itself', () => {
  const webgpu: Seat = { engine: 'webgpu', dtype: 'f32' }
  const lucky = entry({ auditor: webgpu, samples: 10, max: 1e-7, fittedTail: 1e-7 })
  expect(deriveThresholds([entry({}), lucky]).map(({ threshold }) => threshold)).toEqual([1.6e-5, 1.6e-5])
  const unlucky = entry({ auditor: webgpu, samples: 10, max: 1e-5, fittedTail: 1e-5 })
  expect(deriveThresholds([entry({}), unlucky]).map(({ threshold }) => threshold)).toEqual([1.6e-5, 4e-5])
})
