import { expect, it } from 'vitest'
import { measuredTolerances } from './index.ts'
import { floorFor, isBeyondFloor, looseFloor } from './loose-floor.ts'

const { rows } = measuredTolerances()
/** Of bf16's mantissa beside f16's: each rounding is so much coarser. */
const coarser = 8

it('lies far beyond what any float could be off by, if it is as much coarser as its mantissa is shorter', () => {
  const [relative, logit] = [Math.max(...rows.map(row => row.relative)), Math.max(...rows.map(row => row.logit))]
  const worst = Math.max(...rows.filter(row => row.measured.worst < 1).map(row => row.measured.worst))
  expect(looseFloor.relative).toBeGreaterThan(1.5 * coarser * relative)
  expect(looseFloor.relative).toBeGreaterThan(6 * coarser * worst)
  expect(looseFloor.logit).toBeGreaterThan(2 * coarser * logit)
})

it('is for slices as deep as were measured, and for auditors who hardly round themselves', () => {
  const f32 = { kind: 'native', dtype: 'f32' } as const
  expect(floorFor({ ours: f32, layers: Math.max(...rows.map(({ layers }) => layers)) })).toBe(looseFloor)
  expect(floorFor({ ours: f32, layers: 49 })).toBeNull()
  expect(floorFor({ ours: { kind: 'native', dtype: 'f16' }, layers: 1 })).toBeNull()
})

it('is crossed only by most of many rows, or of some draws', () => {
  const none = { isHonest: false, positions: 64, overwritten: 0, worst: 9, worstPosition: 0, mean: 9, firstOver: 0 }
  const isBeyond = (compared: number, over: number) => isBeyondFloor({ ...none, compared, over, draws: null })
  expect([isBeyond(15, 15), isBeyond(16, 8), isBeyond(16, 9), isBeyond(64, 32), isBeyond(64, 33)]).toEqual([
    false,
    false,
    true,
    false,
    true,
  ])
  const drew = (different: number, same: number) => {
    const verdicts = [...new Array<'different'>(different).fill('different'), ...new Array<'same'>(same).fill('same')]
    const draws = { verdicts, same, different, nearTies: 0, isHonest: false }
    return isBeyondFloor({ ...none, compared: 0, over: 0, draws })
  }
  expect([drew(3, 0), drew(4, 4), drew(4, 3)]).toEqual([false, false, true])
})
