import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { createSeededRandom } from '../../testing/seeded-random.ts'
import { float16ToFloat32, float32ToFloat16 } from '../model/index.ts'
import {
  createRowSketcher,
  distanceOfSketches,
  isSameComputed,
  measuredTolerances,
  rowSketchBound,
  rowSketchSums,
} from './index.ts'

const hidden = 96
const rows = 100
const seeds = Array.from({ length: 40 }, (_, seed) => seed)

/** Rows that have much in common, as hidden states do; one of them a thousand times as large as the others. */
function rowsOf(seed: number): Float32Array {
  const random = createSeededRandom(seed)
  const number = (): number => random.next() + random.next() + random.next() - 1.5
  const common = Array.from({ length: hidden }, number)
  return Float32Array.from({ length: rows * hidden }, (_, at) => {
    const size = at < hidden ? 1000 : 1
    return size * (common[at % hidden]! + 0.7 * number())
  })
}
const nonceOf = (seed: number): string => createHash('sha256').update(`nonce ${seed}`).digest('hex')
const sketchOf = (values: Float32Array, nonce: string, position = 0) => {
  const sketcher = createRowSketcher(nonce)
  sketcher.add(position, values, hidden)
  return sketcher.sketched()
}
/** Each row off by just so much of its length, any way. */
function off(values: Float32Array, share: number, seed: number): Float32Array {
  const random = createSeededRandom(seed + 1000)
  const found = values.slice()
  for (let start = 0; start < found.length; start += hidden) {
    const row = found.subarray(start, start + hidden)
    const noise = row.map(() => random.next() - 0.5)
    const scale = (share * Math.hypot(...row)) / Math.hypot(...noise)
    for (const [at, each] of noise.entries()) row[at]! += each * scale
  }
  return found
}
/** `change` of each seed's rows against the rows, under that seed's nonce. */
const distances = (change: (values: Float32Array, seed: number) => Float32Array): number[] =>
  seeds.map(seed => {
    const [values, nonce] = [rowsOf(seed), nonceOf(seed)]
    return distanceOfSketches(sketchOf(values, nonce).sketch, sketchOf(change(values, seed), nonce).sketch)
  })

test('rows in f16 have nearly the sketch that they have in f32', () => {
  const found = distances(values => float16ToFloat32(float32ToFloat16(values)))
  expect(Math.max(...found)).toBeLessThan(0.001)
  // The same rows in pieces, as an engine with another chunk gives them.
  const sketcher = createRowSketcher(nonceOf(1))
  const values = rowsOf(1)
  sketcher.add(7 + 40, values.subarray(40 * hidden), hidden)
  sketcher.add(7, values.subarray(0, 40 * hidden), hidden)
  expect(isSameComputed(sketcher.sketched(), sketchOf(values, nonceOf(1), 7))).toBe(true)
})

test('whoever is off in every row by the loosest threshold, four times what any honest engine ever was, is within the bound', () => {
  const loosest = Math.max(...measuredTolerances().rows.map(({ relative }) => relative))
  expect(loosest).toBeGreaterThan(0.02)
  expect(Math.max(...distances((values, seed) => off(values, loosest, seed)))).toBeLessThan(rowSketchBound)
})

test('one row of a hundred that was not computed is beyond it: nothing in its place, or another’s row', () => {
  const without = distances((values, seed) => values.slice().fill(0, (seed + 1) * hidden, (seed + 2) * hidden))
  // Seven in a thousand are not: 32 sums estimate a tenth as less than 0.07.
  expect(without.filter(distance => distance > rowSketchBound).length).toBeGreaterThanOrEqual(seeds.length - 1)
  const other = rowsOf(77)
  const madeUp = distances((values, seed) => {
    const found = values.slice()
    found.set(other.subarray((seed + 1) * hidden, (seed + 2) * hidden), (seed + 1) * hidden)
    return found
  })
  expect(Math.min(...madeUp)).toBeGreaterThan(rowSketchBound)
  // And said to be one row less, it is another sketch anyway.
  const values = rowsOf(3)
  expect(isSameComputed(sketchOf(values, nonceOf(3)), sketchOf(values.subarray(hidden), nonceOf(3), 1))).toBe(false)
})

test('what came in is not what goes out, nor are rows in another order, nor a sketch made up, nor none', () => {
  // As a slice leaves them: what came in, and a quarter of that anew.
  expect(Math.min(...distances((values, seed) => off(values, 0.25, seed)))).toBeGreaterThan(2 * rowSketchBound)
  const turned = distances(values => Float32Array.from(values, (_, at) => values[(at + hidden) % values.length]!))
  expect(Math.min(...turned)).toBeGreaterThan(5 * rowSketchBound)
  const sketch = sketchOf(rowsOf(5), nonceOf(5))
  expect(isSameComputed(sketch, sketchOf(rowsOf(5), nonceOf(6)))).toBe(false)
  expect(isSameComputed(sketch, { ...sketch, sketch: '00'.repeat(4 * rowSketchSums) })).toBe(false)
  expect(isSameComputed(sketch, { ...sketch, sketch: '0000c07f'.repeat(rowSketchSums) })).toBe(false)
})

test('a sketch is the sums that its description says, by another SHA-256', () => {
  const [values, nonce, first] = [rowsOf(2).subarray(0, 3 * hidden), nonceOf(2), 41]
  const sums = new Array<number>(rowSketchSums).fill(0)
  for (let row = 0; row < 3; row++) {
    const length = Math.hypot(...values.subarray(row * hidden, (row + 1) * hidden))
    const position = Buffer.alloc(4)
    position.writeUInt32LE(first + row)
    const digest = createHash('sha256').update(Buffer.from(nonce, 'hex')).update(position).digest()
    const state = [0, 4, 8, 12].map(at => BigInt(digest.readUInt32LE(at)))
    for (let column = 0; column < hidden; column++) {
      const [x, , , w] = state as [bigint, bigint, bigint, bigint]
      const t = (x ^ (x << 11n)) & 0xffff_ffffn
      const signs = w ^ (w >> 19n) ^ t ^ (t >> 8n)
      state.shift()
      state.push(signs)
      const value = values[row * hidden + column]! / length
      for (let at = 0; at < rowSketchSums; at++) sums[at]! += (signs >> BigInt(at)) & 1n ? value : -value
    }
  }
  const bytes = Buffer.from(sketchOf(values, nonce, first).sketch, 'hex')
  const told = sums.map((_, at) => bytes.readFloatLE(4 * at))
  const expected = sums.map(sum => sum / Math.sqrt(rowSketchSums * 3))
  for (const [at, sum] of expected.entries()) expect(told[at]).toBeCloseTo(sum, 5)
})
