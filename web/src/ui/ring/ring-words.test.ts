import { expect, test } from 'vitest'
import { readyPool, samplePool, sampleSeat } from '../testing/sample-pool.ts'
import { missingWords } from './ring-words.ts'

test('missing layers are named in ranges, and not at all where there are none', () => {
  expect(missingWords(readyPool())).toBe('')
  expect(missingWords(samplePool())).toBe('Missing: layers 0–5.')
  const loading = { status: 'loading' } as const
  expect(missingWords(samplePool({ seats: [sampleSeat(0, [0, 5]), sampleSeat(1, [5, 6], loading)] }))).toBe(
    'Missing: layer 5.',
  )
  // Two seats that load side by side are one gap.
  const seats = [sampleSeat(0, [0, 2], loading), sampleSeat(1, [2, 4], loading), sampleSeat(2, [4, 5])]
  expect(missingWords(samplePool({ seats }))).toBe('Missing: layers 0–3 and 5.')
})
