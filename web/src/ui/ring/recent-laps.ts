/** The last laps that the pool told of, of the ring that is there now: another ring's say nothing of this one. Pure. */
import type { PoolSnapshot } from '@computepool/shared/swarm'

type Lap = NonNullable<PoolSnapshot['lastLap']>

export interface RecentLaps {
  readonly laps: readonly Lap[]
  /** Who sat where. */
  readonly ring: string
}

export const noLaps: RecentLaps = { laps: [], ring: '' }

const mostLaps = 15

/** The same object where nothing new was told. */
export function rememberLap(before: RecentLaps, pool: PoolSnapshot | null): RecentLaps {
  if (pool === null || pool.status !== 'ready') return before.laps.length === 0 ? before : noLaps
  const ring = pool.seats.map(({ seat, peer, layers }) => `${seat} ${peer} ${layers.start}-${layers.end}`).join()
  const known = ring === before.ring ? before.laps : []
  const { lastLap } = pool
  const isTold = lastLap === null || isSame(known.at(-1), lastLap)
  if (isTold) return ring === before.ring ? before : { laps: known, ring }
  return { laps: [...known, lastLap].slice(-mostLaps), ring }
}

/** Snapshots come oftener than laps of this ring: other requests and rings change them too. */
function isSame(before: Lap | undefined, lap: Lap): boolean {
  return before !== undefined && JSON.stringify(before) === JSON.stringify(lap)
}
