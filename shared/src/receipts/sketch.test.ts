import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { float32ToFloat16 } from '../model/index.ts'
import type { Activation } from '../ports/index.ts'
import { sketchOf } from './sketch.ts'

const hidden = 700
const values = Float32Array.from({ length: hidden }, (_, i) => Math.sin(i * 1.7) * (1 + (i % 5)))
const rowOf = (of: Float32Array): Activation => ({ dtype: 'f32', tokens: 1, hidden, data: new Uint8Array(of.buffer) })
const numbersOf = (sketch: string): number[] => {
  const bytes = Buffer.from(sketch, 'hex')
  return Array.from({ length: 8 }, (_, i) => bytes.readFloatLE(4 * i))
}
const nonce = '0123456789abcdef0123456789abcdef'

test('a sketch is the sums that its description says, by another SHA-256', () => {
  const expected = Array.from({ length: 8 }, (_, number) => {
    let sum = 0
    values.forEach((value, at) => {
      const counter = Buffer.alloc(8)
      counter.writeUInt32LE(number, 0)
      counter.writeUInt32LE(Math.floor(at / 256), 4)
      const signs = createHash('sha256').update(Buffer.from(nonce, 'hex')).update(counter).digest()
      sum += (signs[(at % 256) >> 3]! >> (at & 7)) & 1 ? value : -value
    })
    return Math.fround(sum)
  })
  expect(numbersOf(sketchOf(rowOf(values), nonce))).toEqual(expected)
})

test('a row rounded to f16 has nearly the sketch of the row, another row has not', () => {
  const sketch = numbersOf(sketchOf(rowOf(values), nonce))
  const rounded: Activation = { dtype: 'f16', tokens: 1, hidden, data: float32ToFloat16(values) }
  const turned = rowOf(Float32Array.from(values, (_, i) => values[(i + 1) % hidden]!))
  const distance = (row: Activation): number =>
    Math.hypot(...numbersOf(sketchOf(row, nonce)).map((value, i) => value - sketch[i]!)) / Math.hypot(...sketch)
  expect(distance(rounded)).toBeLessThan(0.005)
  expect(distance(turned)).toBeGreaterThan(0.3)
})
