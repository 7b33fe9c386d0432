import { createManualClock } from '@computepool/shared/testing'
import { expect, it } from 'vitest'
import { createSuspects } from './suspects.ts'

it('suspects both who quarrelled, for a day', async () => {
  const clock = createManualClock()
  const suspects = createSuspects(clock)
  suspects.noted(['0xa', '0xb'])
  expect(['0xa', '0xb', '0xc'].map(suspects.isSuspect)).toEqual([true, true, false])
  await clock.advance(24 * 3_600_000 + 1)
  expect(suspects.isSuspect('0xa')).toBe(false)
})
