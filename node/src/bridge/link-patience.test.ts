import { expect, test } from 'vitest'
import { createLinkPatience } from './link-patience.ts'

const limits = { linkRefusedBytes: 1000, forgivenBytesPerSecond: 10 }

test('a burst beyond the cap wears it out, for that link alone', () => {
  const patience = createLinkPatience(limits)
  expect(patience.isWornOut('a', 600, 0)).toBe(false)
  expect(patience.isWornOut('a', 400, 0)).toBe(false)
  expect(patience.isWornOut('a', 1, 0)).toBe(true)
  expect(patience.isWornOut('b', 1000, 0)).toBe(false)
  patience.forget()
  expect(patience.isWornOut('a', 1000, 0)).toBe(false)
})

test('what is refused now and then, over days, is forgiven', () => {
  const patience = createLinkPatience(limits)
  for (let minute = 0; minute < 3 * 24 * 60; minute += 1)
    expect(patience.isWornOut('a', 500, minute * 60_000)).toBe(false)
})
