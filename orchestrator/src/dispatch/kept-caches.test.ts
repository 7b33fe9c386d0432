import { createManualClock } from '@computepool/shared/testing'
import { describe, expect, it } from 'vitest'
import { createKeptCaches } from './kept-caches.ts'

const text = (length: number, from = 0): number[] => Array.from({ length }, (_, index) => from + index)

function open() {
  const clock = createManualClock()
  const kept = createKeptCaches(clock)
  const note = (requestId: string, tokens: readonly number[], scope = 's', epoch = 1) =>
    kept.note({ epoch, scope, requestId, tokens })
  return { clock, kept, note }
}

describe('kept caches', () => {
  it('lend the longest common beginning, and leave one token to compute', () => {
    const { kept, note } = open()
    note('short', text(40))
    note('long', text(100))
    expect(kept.find(1, 's', text(200))).toEqual({ requestId: 'long', positions: 100 })
    expect(kept.find(1, 's', [...text(50), 999, ...text(50)])).toEqual({ requestId: 'long', positions: 50 })
    expect(kept.find(1, 's', text(100))).toEqual({ requestId: 'long', positions: 99 })
    expect(kept.find(1, 's', text(32))).toBe(null)
    expect(kept.find(1, 's', text(33))).toEqual({ requestId: 'long', positions: 32 })
    expect(kept.find(1, 's', text(200, 1))).toBe(null)
  })

  it('are left to a long conversation by a short one', () => {
    const { kept, note } = open()
    note('own', text(100))
    note('long', text(2000))
    expect(kept.find(1, 's', text(120), 256)).toEqual({ requestId: 'own', positions: 100 })
    expect(kept.find(1, 's', text(120), 2048)).toEqual({ requestId: 'long', positions: 119 })
    kept.take('own')
    expect(kept.find(1, 's', text(120), 256)).toBe(null)
  })

  it('are one request’s at a time', () => {
    const { kept, note } = open()
    note('a', text(40))
    note('b', text(40))
    expect(kept.find(1, 's', text(50))).toEqual({ requestId: 'b', positions: 40 })
    kept.take('b')
    expect(kept.find(1, 's', text(50))).toEqual({ requestId: 'a', positions: 40 })
    kept.take('a')
    expect(kept.find(1, 's', text(50))).toBe(null)
  })

  it('are neither another scope’s nor another ring’s, and go with their ring', () => {
    const { kept, note } = open()
    note('a', text(40))
    expect([kept.find(1, 't', text(50)), kept.find(2, 's', text(50))]).toEqual([null, null])
    note('b', text(40), 's', 2)
    kept.keepOnly(new Set([2]))
    expect([kept.find(1, 's', text(50)), kept.find(2, 's', text(50))?.requestId]).toEqual([null, 'b'])
  })

  it('are forgotten after ten minutes, and the oldest where there are too many', async () => {
    const { clock, kept, note } = open()
    note('old', text(40))
    await clock.advance(599_999)
    expect(kept.find(1, 's', text(50))?.requestId).toBe('old')
    await clock.advance(1)
    expect(kept.find(1, 's', text(50))).toBe(null)
    for (let index = 0; index < 257; index++) note(`n${index}`, text(40, index * 100))
    expect(kept.find(1, 's', text(50))).toBe(null)
    expect(kept.find(1, 's', text(50, 100))?.requestId).toBe('n1')
    note('huge', text(4_000_000, 100_000))
    note('next', text(400_000, 9_000_000))
    expect(kept.find(1, 's', text(50, 100))).toBe(null)
    expect(kept.find(1, 's', text(50, 9_000_000))?.requestId).toBe('next')
  })
})
