import { expect, test } from 'vitest'
import { logitErrors, rowErrors } from './row-errors.ts'

const floats = (...values: number[]) => Float32Array.from(values)

test('a row’s error is relative to that row alone', () => {
  const recomputed = floats(3, 4, 300, 400)
  const claimed = floats(3, 5, 300, 401)
  expect([...rowErrors({ claimed, recomputed, width: 2 })]).toEqual([0.2, 0.002])
})

test('what is no number is infinitely wrong, in hidden states and in logits', () => {
  const recomputed = floats(3, 4)
  const claimed = floats(3, Number.NaN)
  expect([...rowErrors({ claimed, recomputed, width: 2 })]).toEqual([Number.POSITIVE_INFINITY])
  expect([...logitErrors({ claimed, recomputed, width: 2 })]).toEqual([Number.POSITIVE_INFINITY])
})

test('logits that are all higher by the same are no error; one that gained on the others is, by half', () => {
  const recomputed = floats(1, 5, 4.5, 0)
  expect([...logitErrors({ claimed: floats(2, 6, 5.5, 1), recomputed, width: 4 })]).toEqual([0])
  expect([...logitErrors({ claimed: floats(1, 5, 4.75, 0), recomputed, width: 4 })]).toEqual([0.125])
})

test('a greedy token of an honest seat trails the auditor’s best by no more than twice the row’s error', () => {
  const recomputed = floats(2, 2.1, 0)
  const claimed = floats(2.1, 2.05, 0)
  const [error] = logitErrors({ claimed, recomputed, width: 3 })
  // The producer draws token 0; the auditor would have drawn token 1, which leads there by 0.1.
  expect(2 * error!).toBeGreaterThanOrEqual(0.1 - 1e-6)
})
