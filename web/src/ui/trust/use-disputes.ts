/** The disputes store for a component: loaded when it is first drawn, and again whenever the pool's counts say that something changed. */
import type { PoolSnapshot } from '@computepool/shared/swarm'
import { useEffect } from 'react'
import { useServices } from '../shell/services.ts'
import type { DisputesView } from '../stores/disputes-store.ts'
import { useStore } from '../stores/use-store.ts'

/** `isWanted` false: nothing is asked. */
export function useDisputes(pool: PoolSnapshot | null, isWanted = true): DisputesView {
  const { disputes } = useServices()
  const view = useStore(disputes)
  const occasion = disputesOccasion(pool)
  useEffect(() => {
    if (isWanted) disputes.loadFor(occasion)
  }, [disputes, occasion, isWanted])
  return view
}

/** Changes when a dispute may have begun or gone on. */
const disputesOccasion = (pool: PoolSnapshot | null): string =>
  [
    ...[pool?.disputes?.open, pool?.disputes?.slashed, pool?.checks?.differs, pool?.checks?.withheld],
    pool?.convicted?.[0]?.atMs,
  ].join('/')

/** False where the pool counts nothing that could have become a dispute. */
export const mayHaveDisputes = ({ disputes, checks, convicted }: PoolSnapshot): boolean =>
  (convicted?.length ?? 0) +
    (disputes?.open ?? 0) +
    (disputes?.slashed ?? 0) +
    (checks?.differs ?? 0) +
    (checks?.withheld ?? 0) >
  0
