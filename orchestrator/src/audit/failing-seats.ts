/** Seats at which answers fail again and again, by what entries say. It proves nothing, and so it bars nobody: others are seated before them for a while. */
import type { Clock } from '@computepool/shared/ports'
import type { DeskRequest, Seat } from '@computepool/shared/wire'
import { operatorOf } from '../receipts/operator-of.ts'

export interface FailingSeats {
  /** What the entry says of an attempt; the wallet to part from its seat, or null. */
  heard(entry: string, said: DeskRequest, seats: readonly Seat[]): string | null
}

const mostInARow = 3
/** An entry that has named as many wallets within an hour is the one. */
const mostNamed = 2
const namedWithinMs = 3_600_000
const mostWallets = 1024

export function createFailingSeats(clock: Pick<Clock, 'monotonicMs'>): FailingSeats {
  /** By wallet: answers in a row; the latest last. */
  const failures = new Map<string, number>()
  /** By entry's wallet: whom it got parted, and when. */
  const named = new Map<string, Map<string, number>>()
  const keep = <T>(map: Map<string, T>, key: string, value: T): void => {
    map.delete(key)
    map.set(key, value)
    if (map.size > mostWallets) map.delete(map.keys().next().value!)
  }
  return {
    heard: (entry, said, seats) => {
      if (seats[0]?.peer !== entry) return null
      if (said.type === 'request-finished' && said.reason !== 'cancelled') {
        for (const { peer } of seats) failures.delete(operatorOf(peer))
        return null
      }
      if (said.type !== 'request-failed') return null
      const { seat } = said.error.context
      // What an entry says of no other seat is its own.
      const found = seats.find(each => each.seat === seat) ?? seats[0]
      const operator = operatorOf(found.peer)
      const count = (failures.get(operator) ?? 0) + 1
      if (count < mostInARow) {
        keep(failures, operator, count)
        return null
      }
      failures.delete(operator)
      const namer = operatorOf(entry)
      if (namer === operator) return operator
      const nowMs = clock.monotonicMs()
      const fresh = [...(named.get(namer) ?? [])].filter(([, atMs]) => nowMs - atMs <= namedWithinMs)
      const others = new Map(fresh).set(operator, nowMs)
      if (others.size > mostNamed) {
        named.delete(namer)
        return namer
      }
      keep(named, namer, others)
      return operator
    },
  }
}
