import { expect, test } from 'vitest'
import { parseToleranceTable, toleranceFor } from './index.ts'

/** Placeholder figures: the measured ones are data of their own. */
const row = (kinds: readonly [string, string], layers: number, relative: number) => ({
  sides: [
    { kind: kinds[0], dtype: 'f32' },
    { kind: kinds[1], dtype: 'f16' },
  ],
  quantisation: 'q8',
  layers,
  relative,
  logit: 0.1,
  measured: { rows: 10_000, worst: relative / 2, quantiles: [[0.5, relative / 8]] },
})
const table = () => ({
  format: 'computepool-tolerance',
  version: 1,
  rows: [row(['native', 'webgpu'], 32, 0.03), row(['native', 'webgpu'], 8, 0.01), row(['wasm', 'wasm'], 32, 0.02)],
})
const native = { kind: 'native', dtype: 'f32' } as const
const webgpu = { kind: 'webgpu', dtype: 'f16' } as const

test('takes the shallowest row that reaches, whichever side is which', () => {
  const parsed = parseToleranceTable(table())
  const find = (layers: number) =>
    toleranceFor(parsed, { sides: [webgpu, native], quantisation: 'q8', layers })?.relative
  expect([find(1), find(8), find(9), find(32), find(33)]).toEqual([0.01, 0.01, 0.03, 0.03, undefined])
  expect(toleranceFor(parsed, { sides: [native, webgpu], quantisation: 'q8', layers: 8 })?.relative).toBe(0.01)
})

test('judges no pair that nobody measured', () => {
  const parsed = parseToleranceTable(table())
  expect(toleranceFor(parsed, { sides: [native, webgpu], quantisation: 'q4', layers: 2 })).toBeNull()
  expect(toleranceFor(parsed, { sides: [webgpu, webgpu], quantisation: 'q8', layers: 2 })).toBeNull()
})

test('refuses data that is no table, and says where', () => {
  const unsound = { ...table(), rows: [{ ...table().rows[0], relative: 0 }] }
  expect(() => parseToleranceTable(unsound)).toThrow(/rows\.0\.relative/)
  for (const data of [null, {}, { ...table(), rows: [] }, { ...table(), version: 2 }])
    expect(() => parseToleranceTable(data)).toThrow(expect.objectContaining({ code: 'input_invalid' }))
})
