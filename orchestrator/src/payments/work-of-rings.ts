/** Who works in the rings that serve, and how much: what units are reckoned from. It orders none. */
import type { WorkSeat } from '@computepool/shared/money'
import type { PoolSnapshot } from '@computepool/shared/swarm'
import { operatorOf } from '../receipts/operator-of.ts'

type Rings = NonNullable<PoolSnapshot['rings']>

/** One that drains still serves what it has begun. */
export const servingRings = ({ rings = [] }: PoolSnapshot): Rings => rings.filter(({ status }) => status !== 'forming')

/** Seats of the rings that serve, without those of whoever earns nothing for now. */
export const workOfRings = (rings: Rings, earnsNothing: (operator: string) => boolean): WorkSeat[] =>
  rings
    .flatMap(ring => ring.seats)
    .map(({ peer, layers, msPerLayer }) => ({
      operator: operatorOf(peer),
      layers: layers.end - layers.start,
      msPerLayer,
    }))
    .filter(({ operator }) => !earnsNothing(operator))
