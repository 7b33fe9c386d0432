/** Keeps the pool's members in step with the ring: who holds how much of the model, weighted by speed, earns that share. */
import { workUnits } from '@computepool/shared/money'
import type { Desk } from '../dispatch/index.ts'
import type { Ledger } from './ledger.ts'

export interface FollowRingOptions {
  readonly desk: Pick<Desk, 'snapshot' | 'onChange'>
  readonly ledger: Pick<Ledger, 'setUnits'>
  readonly onFault: (fault: unknown) => void
}

/** Orders units whenever another ring is ready; returns what stops it. Units of a ring that fell apart stay until the next one. */
export function followRing({ desk, ledger, onFault }: FollowRingOptions): () => void {
  let last = ''
  let line: Promise<unknown> = Promise.resolve()
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
    line = line.then(() => ledger.setUnits(workUnits(work))).catch(onFault)
  }
  look()
  return desk.onChange(look)
}
