import fc from 'fast-check'
import { expect, test } from 'vitest'
import { distributionOf, quantileOf, roundUp, tailProbability } from './distribution.ts'

test('quantiles are values that were measured, by the nearest rank', () => {
  const sorted = Float64Array.from({ length: 1000 }, (_, i) => i + 1)
  expect([0.5, 0.99, 0.999, 1].map(q => quantileOf(sorted, q))).toEqual([500, 990, 999, 1000])
})

test('the fitted tail of Pareto errors is where their law puts one row in a thousand million', () => {
  // Quantiles of P(error > x) = (x / 1e-6) ** -4, evenly: the shape is a quarter.
  const errors = Float64Array.from({ length: 100_000 }, (_, i) => 1e-6 * ((i + 0.5) / 100_000) ** -0.25)
  const expected = 1e-6 * tailProbability ** -0.25
  expect(distributionOf([errors]).fittedTail / expected).toBeCloseTo(1, 1)
})

test('too few rows make no tail: the largest stands for it', () => {
  const { fittedTail, max } = distributionOf([Float64Array.of(1e-6, 3e-6), Float64Array.of(2e-6)])
  expect([fittedTail, max]).toEqual([3e-6, 3e-6])
})

test('no figure is told smaller than it was measured, nor much larger', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-12, max: 1e6, noNaN: true }), fc.integer({ min: 1, max: 6 }), (value, digits) => {
      const rounded = roundUp(value, digits)
      return rounded >= value && rounded <= value * (1 + 10 ** (1 - digits)) * (1 + 1e-12)
    }),
  )
})
