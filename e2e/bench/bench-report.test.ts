import { expect, it } from 'vitest'
import { benchRow, quantile } from './bench-report.ts'

it('takes p95 by nearest rank, so that one outlier in twenty shows only past it', () => {
  const samples = [...Array(19).fill(1), 100]
  expect(quantile(samples, 0.95)).toBe(1)
  expect(quantile([...samples, 100], 0.95)).toBe(100)
})

it('says whether a figure was reached, on the side that is good', () => {
  expect(benchRow('ratio', 'x', [0.89], { atLeast: 0.9 }).ok).toBe(false)
  expect(benchRow('hop', 'ms', [3.9], { atMost: 4 }).ok).toBe(true)
})
