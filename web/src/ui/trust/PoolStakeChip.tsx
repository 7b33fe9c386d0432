/** One word beside a title: whether anybody's money is at stake here. */
import type { PoolSnapshot } from '@computepool/shared/swarm'
import { isStakedPool } from './trust-words.ts'

export function PoolStakeChip({ pool }: { pool: PoolSnapshot | null }) {
  if (pool === null) return null
  return (
    <span className="chip" data-testid="stake-chip">
      {isStakedPool(pool) ? 'staked pool' : 'unstaked pool'}
    </span>
  )
}
