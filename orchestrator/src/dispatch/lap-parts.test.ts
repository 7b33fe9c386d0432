import { expect, it } from 'vitest'
import { lapParts } from './lap-parts.ts'

it('takes the wait before the lap for no part of it', () => {
  const trace = [
    { seat: 0, computeMs: 4, queueMs: 50 },
    { seat: 1, computeMs: 5, queueMs: 2 },
  ]
  expect(lapParts(20, trace)).toEqual({ computeMs: 9, queueMs: 2, wireMs: 9 })
})
