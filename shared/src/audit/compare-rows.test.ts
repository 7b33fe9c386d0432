import { expect, test } from 'vitest'
import { compareRows } from './index.ts'

const rows = Float32Array.of(3, 4, 0, 0, 1, 0, 6, 8)
const compare = (claimed: Float32Array, tolerance = 0.01) =>
  compareRows({ claimed, recomputed: rows, hidden: 2, tolerance })

test('equal rows have no error, rows of zeros among them', () => {
  expect(compare(rows)).toEqual({ rows: 4, worst: 0, worstRow: 0, over: 0, firstOver: -1, sum: 0 })
})

test('names the worst row, how many are over, and the first of them', () => {
  const found = compare(Float32Array.of(3, 4.04, 0, 0, 1, 0.02, 6, 8.5))
  expect(found.worst).toBeCloseTo(0.05)
  expect(found).toMatchObject({ worstRow: 3, over: 2, firstOver: 2 })
  expect(found.sum).toBeCloseTo(0.008 + 0.02 + 0.05)
})

test('a value that is no number, or something where nothing is, is as wrong as can be', () => {
  for (const claimed of [
    Float32Array.of(3, Number.NaN, 0, 0, 1, 0, 6, 8),
    Float32Array.of(3, Number.POSITIVE_INFINITY, 0, 0, 1, 0, 6, 8),
    Float32Array.of(3, 4, 0, 1e-9, 1, 0, 6, 8),
  ])
    expect(compare(claimed, 1e9)).toMatchObject({ worst: Number.POSITIVE_INFINITY, over: 1 })
})

test('one wrong row among a thousand right ones shows in full', () => {
  const many = new Float32Array(2000).fill(1)
  const claimed = many.slice()
  claimed[1001] = -1
  expect(compareRows({ claimed, recomputed: many, hidden: 2, tolerance: 0.5 })).toMatchObject({
    over: 1,
    firstOver: 500,
  })
})

test('other shapes are not compared', () => {
  expect(() => compare(rows.slice(2))).toThrow(RangeError)
})
