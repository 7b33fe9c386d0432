import { createManualClock } from '@computepool/shared/testing'
import { expect, it } from 'vitest'
import { throttleNotices } from './throttle-notices.ts'

it('tells each matter at once, and again after ten seconds', async () => {
  const clock = createManualClock()
  const told: string[] = []
  const notice = throttleNotices(text => told.push(text), clock)
  notice('a', 'a 1')
  notice('a', 'a 2')
  notice('b', 'b 1')
  await clock.advance(9_999)
  notice('a', 'a 3')
  await clock.advance(1)
  notice('a', 'a 4')
  expect(told).toEqual(['a 1', 'b 1', 'a 4'])
})
