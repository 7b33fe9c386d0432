import { expect, it } from 'vitest'
import { runSoak } from './run-soak.ts'

/** A cut of `npm run soak -- --minutes 30`: long enough for what grows with every request, too short for what grows by the hour. */
const minutes = 0.3

it('two nodes and their orchestrator keep their memory under a full queue', async () => {
  const { whole, trends } = await runSoak({ minutes, nodes: 2, withTab: false, onLine: () => {} })
  expect(whole).toBeGreaterThan(0)
  // Resident memory needs minutes to show a trend: an allocator keeps what it got for a while.
  const growing = Object.entries(trends).filter(([name, { isGrowing }]) => isGrowing && name.endsWith('heap'))
  expect(growing).toEqual([])
}, 180_000)
