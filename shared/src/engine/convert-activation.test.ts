import { expect, test } from 'vitest'
import { activationFromValues, activationRows, activationValues, convertActivation } from './convert-activation.ts'

const values = Float32Array.of(1, -2.5, 0.1, 1e-5, 60_000, -0.001)

test('what a neighbour computes in is rounded once, and the same type is passed on untouched', () => {
  const f32 = activationFromValues(values, 3, 'f32')
  expect(f32).toMatchObject({ tokens: 2, hidden: 3 })
  expect(convertActivation(f32, 'f32')).toBe(f32)
  for (const [dtype, error] of [
    ['f16', 1 / 2048],
    ['bf16', 1 / 256],
  ] as const) {
    const there = convertActivation(f32, dtype)
    expect(there.data.byteLength).toBe(12)
    const back = activationValues(convertActivation(there, 'f32'))
    for (const [i, value] of values.entries())
      expect(Math.abs(back[i]! - value)).toBeLessThanOrEqual(Math.abs(value) * error + 3e-8)
  }
})

test('rows are cut at row bounds', () => {
  const second = activationRows(activationFromValues(values, 3, 'f16'), 1, 2)
  expect([second.tokens, Array.from(activationValues(second)).map(Math.round)]).toEqual([1, [0, 60_000, -0]])
})
