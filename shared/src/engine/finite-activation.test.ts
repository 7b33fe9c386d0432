import { expect, it } from 'vitest'
import type { ActivationDtype } from '../ports/index.ts'
import { activationFromValues } from './convert-activation.ts'
import { isFiniteActivation } from './finite-activation.ts'

const types: readonly ActivationDtype[] = ['f32', 'f16', 'bf16']

it.each(types)('finds what cannot be computed with in %s, wherever it lies', dtype => {
  const values = Float32Array.from([0, -0, 1, -65504, 65504, 6e-8, 1e-40, -2])
  expect(isFiniteActivation(activationFromValues(values, 4, dtype))).toBe(true)
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
    for (let at = 0; at < values.length; at += 1)
      expect(isFiniteActivation(activationFromValues(values.with(at, bad), 4, dtype))).toBe(false)
})

it.each(types)('reads %s at any offset', dtype => {
  const { data } = activationFromValues(Float32Array.from([1, 2, Number.NaN, 3]), 4, dtype)
  const shifted = new Uint8Array(data.length + 1)
  shifted.set(data, 1)
  expect(isFiniteActivation({ dtype, data: shifted.subarray(1) })).toBe(false)
})
