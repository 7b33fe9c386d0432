/** Keeps the pool's members in step with the ring: who holds how much of the model, weighted by speed, earns that share. */
import { workUnits } from '@computepool/shared/money'
import type { Clock } from '@computepool/shared/ports'
import type { Desk } from '../dispatch/index.ts'
import type { Ledger } from './ledger.ts'

export interface FollowRingOptions {
  readonly desk: Pick<Desk, 'snapshot' | 'onChange'>
  readonly ledger: Pick<Ledger, 'setUnits'>
  readonly clock: Clock
  readonly onFault: (fault: unknown) => void
}

/** A ring may stand for hours: who joined it must not wait for the next one because the database had a hiccup. */
const retryMs = 5000

/** Orders units whenever another ring is ready; returns what stops it. Units of a ring that fell apart stay until the next one. */
export function followRing({ desk, ledger, clock, onFault }: FollowRingOptions): () => void {
  let last = ''
  let line: Promise<unknown> = Promise.resolve()
  let isStopped = false
  let cancelRetry = (): void => {}
  const look = (): void => {
    const { status, seats } = desk.snapshot()
    if (status !== 'ready') return
    const work = seats.map(({ peer, layers, msPerLayer }) => ({
      // A peer is a wallet and a tab of it.
      operator: peer.slice(0, 42),
      layers: layers.end - layers.start,
      msPerLayer,
    }))
    const now = JSON.stringify(work)
    if (now === last) return
    last = now
    const failed = (fault: unknown): void => {
      onFault(fault)
      // A later ring was asked for already.
      if (last !== now) return
      last = ''
      cancelRetry()
      if (!isStopped) cancelRetry = clock.schedule(retryMs, look)
    }
    line = line.then(() => ledger.setUnits(workUnits(work))).catch(failed)
  }
  look()
  const forget = desk.onChange(look)
  return () => {
    isStopped = true
    cancelRetry()
    forget()
  }
}
