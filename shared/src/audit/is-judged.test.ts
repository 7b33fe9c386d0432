import { expect, it } from 'vitest'
import { isJudged } from './is-judged.ts'

it('judges engines that were measured, as deep as they were measured', () => {
  const q8 = { quantisation: 'q8', layers: 6 } as const
  for (const kind of ['native', 'wasm', 'webgpu'] as const) {
    expect(isJudged({ kind, dtype: 'f32' }, q8)).toBe(true)
    expect(isJudged({ kind, dtype: 'bf16' }, q8)).toBe(false)
  }
  expect(isJudged({ kind: 'native', dtype: 'f16' }, q8)).toBe(true)
  expect(isJudged({ kind: 'webgpu', dtype: 'f16' }, q8)).toBe(false)
  expect(isJudged({ kind: 'webgpu', dtype: 'f32' }, { quantisation: 'q8', layers: 17 })).toBe(false)
  expect(isJudged({ kind: 'webgpu', dtype: 'f32' }, { quantisation: 'f16', layers: 6 })).toBe(false)
  expect(isJudged({ kind: 'wasm', dtype: 'f32' }, { quantisation: 'f16', layers: 16 })).toBe(true)
})
