import { createSeededRandom } from '@computepool/shared/testing'
import { expect, it } from 'vitest'
import { leastGrowthBytes, memoryTrend } from '../soak/memory-trend.ts'

const mebibyte = 2 ** 20
/** Samples each 10 s, with noise of 30 MiB. */
const series = (count: number, bytesAt: (share: number) => number) => {
  const random = createSeededRandom(1)
  return Array.from({ length: count }, (_, index) => ({
    atMs: index * 10_000,
    bytes: bytesAt(index / count) + random.next() * 30 * mebibyte,
  }))
}

it('memory that breathes is flat', () => {
  expect(memoryTrend(series(180, () => 400 * mebibyte)).isGrowing).toBe(false)
})

it('memory that grew while warming up and then stands is flat', () => {
  const trend = memoryTrend(series(180, share => (100 + 300 * Math.min(1, share * 2.2)) * mebibyte))
  expect(trend.isGrowing).toBe(false)
})

it('a leak of one kilobyte a request shows', () => {
  // 30 minutes of 100 requests a second.
  const trend = memoryTrend(series(180, share => 400 * mebibyte + share * 30 * 60 * 100 * 1024))
  expect(trend.isGrowing).toBe(true)
  expect(trend.growthBytes / mebibyte).toBeGreaterThan(60)
})

it('one sample in the middle of a collection is no trend', () => {
  const samples = series(20, () => 100 * mebibyte)
  const odd = samples.map((sample, index) => (index === 19 ? { ...sample, bytes: sample.bytes * 3 } : sample))
  expect(memoryTrend(odd).growthBytes).toBeLessThan(leastGrowthBytes)
})

it('too few samples are no answer', () => {
  expect(() => memoryTrend(series(4, () => 1))).toThrow('too few')
})
