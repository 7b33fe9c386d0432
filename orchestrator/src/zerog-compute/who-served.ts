/**
 * Who served an answer, by the rule that the vault's units follow: layers held, by speed, and beside them the auditors. Where it moved, each ring
 * counts by the tokens that were drawn while it served. It knows no money.
 */
import type { PoolSnapshot } from '@computepool/shared/swarm'
import type { Hex } from 'viem'
import { unitsNow } from '../payments/work-of-rings.ts'
import type { Served } from './split-fee.ts'

/** The desk as it shows itself. */
export interface ServingPool {
  snapshot(): PoolSnapshot
  readonly withheld: { isWithheld(operator: string): boolean }
}

type Seats = readonly { readonly peer: string }[]

/** Units of those who hold these seats now; nobody where no ring has them, or all of them earn nothing. */
export function unitsOfRing(pool: ServingPool, seats: Seats): Served {
  const snapshot = pool.snapshot()
  const ring = snapshot.rings?.find(
    each => each.seats.length === seats.length && each.seats.every(({ peer }, at) => peer === seats[at]?.peer),
  )
  if (ring === undefined) return []
  const units = unitsNow({ ...snapshot, rings: [{ ...ring, status: 'ready' }] }, pool.withheld.isWithheld)
  return units.map(({ member, units }) => [member as Hex, units])
}

export interface ServedCount {
  /** An attempt has its ring: its first activation has left the entry. */
  began(units: Served): void
  /** That attempt is over. */
  ended(tokens: number): void
  /** An answer without a token is its last ring's. */
  served(): Served
}

export function countServed(): ServedCount {
  const weights = new Map<Hex, number>()
  let now: Served = []
  let last: Served = []
  return {
    began: units => {
      now = units
    },
    ended: tokens => {
      for (const [wallet, units] of tokens > 0 ? now : []) {
        weights.set(wallet, (weights.get(wallet) ?? 0) + units * tokens)
      }
      if (now.length > 0) last = now
      now = []
    },
    served: () => (weights.size > 0 ? [...weights] : last),
  }
}
