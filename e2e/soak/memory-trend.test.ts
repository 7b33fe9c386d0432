import { createSeededRandom } from '@computepool/shared/testing'
import { expect, it } from 'vitest'
import { leastGrowthBytes, memoryTrend } from './memory-trend.ts'

const mebibyte = 2 ** 20
/** Samples each 10 s; after two collections in a row a heap's noise is a few MiB, resident memory's 30. */
const series = (count: number, bytesAt: (share: number) => number, noise = 30) => {
  const random = createSeededRandom(1)
  return Array.from({ length: count }, (_, index) => ({
    atMs: index * 10_000,
    bytes: bytesAt(index / count) + random.next() * noise * mebibyte,
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
  const samples = series(24, () => 100 * mebibyte)
  const odd = samples.map((sample, index) => (index === 23 ? { ...sample, bytes: sample.bytes * 3 } : sample))
  expect(memoryTrend(odd).growthBytes).toBeLessThan(leastGrowthBytes)
})

it('work in flight at the last samples is no trend', () => {
  const isBusy = (share: number) => share > 0.7 && Math.round(share * 36) % 3 !== 0
  const samples = series(36, share => (isBusy(share) ? 160 : 100) * mebibyte, 3)
  expect(memoryTrend(samples).isGrowing).toBe(false)
})

it('a floor that rises shows through spikes', () => {
  const random = createSeededRandom(2)
  const samples = series(36, share => (100 + share * 60 + (random.next() < 0.3 ? 80 : 0)) * mebibyte)
  expect(memoryTrend(samples).isGrowing).toBe(true)
})

it('too few samples are no answer', () => {
  expect(() => memoryTrend(series(12, () => 1))).toThrow('too few')
})
