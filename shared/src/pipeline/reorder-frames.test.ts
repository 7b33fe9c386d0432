import { describe, expect, it } from 'vitest'
import { emptyReorderBuffer, type ReorderBuffer, reorder, reorderLimit } from './reorder-frames.ts'

function feed(numbers: readonly number[]): number[] {
  let buffer: ReorderBuffer<number> = emptyReorderBuffer()
  const out: number[] = []
  for (const seq of numbers) {
    const step = reorder(buffer, seq, seq)
    buffer = step.buffer
    out.push(...step.due)
  }
  return out
}

describe('reorder', () => {
  it('gives each number once, in order', () => {
    expect(feed([2, 0, 0, 1, 2, 1, 4, 4, 3, 0])).toEqual([0, 1, 2, 3, 4])
  })

  it('keeps what lies ahead up to its limit, and says so beyond', () => {
    const buffer = emptyReorderBuffer<string>()
    expect(reorder(buffer, reorderLimit - 1, 'last').fits).toBe(true)
    expect(reorder(buffer, reorderLimit, 'beyond')).toMatchObject({ fits: false, due: [] })
  })
})
