/**
 * Keeps the pool's members in step with the rings: who holds how much of the model in any of them, weighted by speed, earns that share; beside them whoever
 * checked them.
 * Whose units are withheld (it owes a receipt of its work) has none; where that is everybody, nobody is listed, and no stream starts.
 */
import type { Clock } from '@computepool/shared/ports'
import type { Desk } from '../dispatch/index.ts'
import type { Ledger } from './ledger.ts'
import { servingRings, unitsNow, workOfRings } from './work-of-rings.ts'

export interface FollowRingOptions {
  readonly desk: Pick<Desk, 'snapshot' | 'onChange' | 'withheld'>
  readonly ledger: Pick<Ledger, 'setUnits'>
  readonly clock: Clock
  readonly onFault: (fault: unknown) => void
}

/** A ring may stand for hours: who joined it must not wait for the next one because the database had a hiccup. */
const retryMs = 5000
/** While a ring forms, another order follows shortly: units cost a transaction each time. Longer than this nobody waits for theirs. */
const settleMs = 5000
/** The desk tells of every token; its rings change far less often. */
const lookEveryMs = 1000

/** Orders units whenever other rings are ready; returns what stops it. Units of the last ring that fell apart stay until the next one. */
export function followRing({ desk, ledger, clock, onFault }: FollowRingOptions): () => void {
  let last = ''
  let line: Promise<unknown> = Promise.resolve()
  let isStopped = false
  let cancelRetry = (): void => {}
  let cancelSettle: (() => void) | null = null
  const look = (isLate = false): void => {
    const snapshot = desk.snapshot()
    const { status, rings = [] } = snapshot
    const serving = servingRings(snapshot)
    if (status !== 'ready' || serving.length === 0) return
    if (rings.length > serving.length && !isLate) {
      cancelSettle ??= clock.schedule(settleMs, () => {
        cancelSettle = null
        look(true)
      })
      return
    }
    const earnsNothing = desk.withheld.isWithheld
    const now = JSON.stringify([workOfRings(serving, earnsNothing), snapshot.auditPay])
    if (now === last) return
    last = now
    const failed = (fault: unknown): void => {
      onFault(fault)
      // A later ring was asked for already.
      if (last !== now) return
      last = ''
      cancelRetry()
      if (!isStopped) cancelRetry = clock.schedule(retryMs, () => look(true))
    }
    line = line.then(() => ledger.setUnits(unitsNow(snapshot, earnsNothing))).catch(failed)
  }
  let cancelLook: (() => void) | null = null
  let isDue = false
  const lookSoon = (): void => {
    isDue = true
    if (cancelLook !== null) return
    isDue = false
    look()
    // No token flows before the first ring: nobody waits for what it is owed.
    if (last === '') return
    cancelLook = clock.schedule(lookEveryMs, () => {
      cancelLook = null
      if (isDue) lookSoon()
    })
  }
  look()
  const forget = desk.onChange(lookSoon)
  return () => {
    isStopped = true
    cancelRetry()
    cancelSettle?.()
    cancelLook?.()
    forget()
  }
}
