import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseCron } from './cron.ts'

const next = (expression: string, after: string): string | null => {
  const atMs = parseCron(expression).next(Date.parse(after))
  return atMs === null ? null : new Date(atMs).toISOString().slice(0, 16)
}

describe('a schedule', () => {
  it.each([
    ['* * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:01'],
    ['* * * * *', '2026-01-01T00:00:59.999Z', '2026-01-01T00:01'],
    ['*/15 * * * *', '2026-01-01T00:16:00Z', '2026-01-01T00:30'],
    ['5-10/5 * * * *', '2026-01-01T00:05:00Z', '2026-01-01T00:10'],
    ['10/20 * * * *', '2026-01-01T00:31:00Z', '2026-01-01T00:50'],
    ['0 9 * * mon-fri', '2026-01-02T10:00:00Z', '2026-01-05T09:00'],
    ['0 0 * * 7', '2026-01-01T00:00:00Z', '2026-01-04T00:00'],
    ['30 12 1,15 * *', '2026-01-01T13:00:00Z', '2026-01-15T12:30'],
    // Either day field where both are restricted.
    ['0 0 13 * fri', '2026-01-01T00:00:00Z', '2026-01-02T00:00'],
    ['0 0 29 feb *', '2026-01-01T00:00:00Z', '2028-02-29T00:00'],
    ['@hourly', '2026-01-01T00:00:00Z', '2026-01-01T01:00'],
    ['59 23 31 12 *', '2026-12-31T23:59:00Z', '2027-12-31T23:59'],
  ])('%s after %s comes at %s', (expression, after, at) => {
    expect(next(expression, after)).toBe(at)
  })

  it('that can never come says so', () => {
    expect(next('0 0 31 2 *', '2026-01-01T00:00:00Z')).toBeNull()
  })

  it.each([
    '',
    '* * * *',
    '* * * * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * * 13 *',
    '* * * * 8',
    '5-1 * * * *',
    '*/0 * * * *',
    'a * * * *',
  ])('"%s" is refused', expression => {
    expect(() => parseCron(expression)).toThrow()
  })

  it('comes exactly at the minutes that match it', () => {
    const minute = fc.integer({ min: 0, max: 59 })
    const start = Date.parse('2026-03-01T00:00:00Z')
    fc.assert(
      fc.property(
        fc.uniqueArray(minute, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 23 }),
        fc.nat(100_000),
        (minutes, everyHours, later) => {
          const schedule = parseCron(`${minutes.join(',')} */${everyHours} * * *`)
          const afterMs = start + later * 60_000
          const isTurn = (atMs: number): boolean =>
            minutes.includes(new Date(atMs).getUTCMinutes()) && new Date(atMs).getUTCHours() % everyHours === 0
          let expected = afterMs + 60_000
          while (!isTurn(expected)) expected += 60_000
          expect(schedule.next(afterMs)).toBe(expected)
        },
      ),
      { numRuns: 50 },
    )
  })
})
