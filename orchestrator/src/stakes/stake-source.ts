/**
 * What the desk asks of stakes, so that a pool can be shown with them: types, and what is said where a pool asks for none. It knows
 * wallets and rings, no chain.
 */
import type { PoolSnapshot } from '@computepool/shared/swarm'
import { operatorOf } from '../receipts/operator-of.ts'

type Ring = NonNullable<PoolSnapshot['rings']>[number]

/** Wallets come in lower case. */
export interface StakeSource {
  /** Of the whole pool. */
  view(): NonNullable<PoolSnapshot['stake']>
  isStaked(operator: string): boolean
  /** Why this operator earns nothing for want of a stake; null where it has one, needs none, or has none because of others. */
  reasonOf(operator: string): string | null
  /** What the operator's weight in placement is multiplied with, never 0: whoever will not stake gives way. */
  factorOf(operator: string): number
  /** How a ring of these operators stands. */
  ringOf(ring: Pick<Ring, 'seats'>): NonNullable<Ring['stake']>
}

/** A pool that asks for no stake says so, and nobody is withheld anything. */
const unstakedView: NonNullable<PoolSnapshot['stake']> = { mode: 'unstaked', amountAtomic: '0' }

/** The snapshot with what is known of stakes; `source` null: an unstaked pool. */
export function withStakes(snapshot: PoolSnapshot, source: StakeSource | null): PoolSnapshot {
  if (source === null) return { ...snapshot, stake: unstakedView }
  const shown = <S extends PoolSnapshot['seats'][number]>(seat: S): S => {
    const operator = operatorOf(seat.peer)
    const why = source.reasonOf(operator)
    const reason = why === null ? {} : { reason: seat.reason === undefined ? why : `${why} ${seat.reason}` }
    return { ...seat, isStaked: source.isStaked(operator), ...reason }
  }
  const rings = snapshot.rings?.map(ring => ({
    ...ring,
    seats: ring.seats.map(shown),
    stake: source.ringOf(ring),
  }))
  return {
    ...snapshot,
    stake: source.view(),
    seats: snapshot.seats.map(shown),
    ...(rings === undefined ? {} : { rings }),
  }
}
