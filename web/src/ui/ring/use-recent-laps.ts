/** The last laps of the pool that is shown, gathered while the page looks on. */
import type { PoolSnapshot } from '@computepool/shared/swarm'
import { useState } from 'react'
import { noLaps, type RecentLaps, rememberLap } from './recent-laps.ts'

export function useRecentLaps(pool: PoolSnapshot | null): RecentLaps['laps'] {
  const [seen, setSeen] = useState<{ pool: PoolSnapshot | null; recent: RecentLaps }>({ pool: null, recent: noLaps })
  if (seen.pool === pool) return seen.recent.laps
  // During drawing, not after it: the first picture of a lap already counts it.
  const recent = rememberLap(seen.recent, pool)
  setSeen({ pool, recent })
  return recent.laps
}
