import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { choosePath } from './choose-path.ts'

/** The path in use after these round trips were measured, the preferred path's first. */
function choose(first: number | null, second: number | null, current: string | null): string | null {
  const open = [
    { path: 'first', rttMs: first },
    { path: 'second', rttMs: second },
  ]
  return choosePath(open, current)
}

describe('the path that frames take', () => {
  it('is the preferred one, unless another is clearly faster', () => {
    expect(choose(40, 36, 'first')).toBe('first')
    expect(choose(40, 28.4, 'first')).toBe('first')
    expect(choose(40, 27.6, 'first')).toBe('second')
    expect(choose(40, 80, null)).toBe('first')
  })

  it('stays where it went until the gain is nearly gone', () => {
    expect(choose(40, 33.6, 'second')).toBe('second')
    expect(choose(40, 34.4, 'second')).toBe('first')
  })

  it('is not moved for less than five milliseconds', () => {
    expect(choose(6, 1.5, 'first')).toBe('first')
  })

  it('is the preferred one once it opened, where another was first and gains next to nothing', () => {
    expect(choose(2, 0.5, 'second')).toBe('first')
    expect(choose(null, 0.5, 'second')).toBe('second')
  })

  it('is the only one that is open, measured or not', () => {
    expect(choosePath([{ path: 'only', rttMs: null }], null)).toBe('only')
    expect(choosePath([], 'gone')).toBeNull()
  })

  it('waits for a measurement before it moves', () => {
    expect(choose(null, 5, 'second')).toBe('second')
    expect(choose(5, null, 'first')).toBe('first')
    expect(choose(null, null, 'second')).toBe('second')
  })

  it('settles: asked again with the same figures it says the same', () => {
    const rtt = fc.option(fc.integer({ min: 0, max: 100 }), { nil: null })
    const start = fc.constantFrom(null, 0, 1, 2)
    fc.assert(
      fc.property(fc.array(rtt, { minLength: 1, maxLength: 3 }), start, (figures, from) => {
        const open = figures.map((rttMs, path) => ({ path, rttMs }))
        const once = choosePath(open, from)
        expect(open.some(({ path }) => path === once)).toBe(true)
        expect(choosePath(open, once)).toBe(once)
      }),
      { numRuns: 1000 },
    )
  })
})
