import { expect, it } from 'vitest'
import { betweenTokensMs, lapParts } from './lap-parts.ts'

const trace = [
  { seat: 0, computeMs: 4, queueMs: 50 },
  { seat: 1, computeMs: 5, queueMs: 2 },
]

it('takes the wait before the lap for no part of it', () => {
  expect(lapParts(20, trace)).toEqual({ computeMs: 9, queueMs: 2, wireMs: 9 })
})

it('counts the wait before the lap between two tokens', () => {
  expect(betweenTokensMs(20, trace)).toBe(70)
})
