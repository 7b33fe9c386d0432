import { expect, it } from 'vitest'
import { queueLength, runSoak } from './run-soak.ts'

/** A cut of `npm run soak -- --minutes 30`: 18 s, long enough for what grows with every request, too short for what grows by the hour. */
const minutes = 0.3

it('two nodes and their orchestrator keep their heaps under a full queue', async () => {
  const { whole, medianQueued, trends } = await runSoak({ minutes, nodes: 2, withTab: false, onLine: () => {} })
  expect(whole).toBeGreaterThan(0)
  expect(medianQueued).toBeGreaterThan(queueLength * 0.9)
  // Heaps only: resident memory needs minutes to show a trend, for an allocator keeps what it got for a while.
  const growing = Object.entries(trends).filter(([name, { isGrowing }]) => isGrowing && name.endsWith('heap'))
  expect(growing).toEqual([])
}, 180_000)
