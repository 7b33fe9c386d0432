/** The tab's one snapshot: changed by the runtime, told to the page at most ten times a second. */
import type { Clock } from '@computepool/shared/ports'
import type { PeerSnapshot } from './peer-snapshot.ts'

const tellEveryMs = 100

export const idleSnapshot: PeerSnapshot = {
  status: 'idle',
  isDraining: false,
  peer: null,
  model: null,
  modelLayers: null,
  probes: [],
  engineChoice: null,
  layers: null,
  seat: null,
  seats: [],
  parts: [],
  downloadBytesPerSecond: null,
  links: [],
  requests: 0,
  tokensServed: 0,
  tokensPerSecond: null,
  computeMs: null,
  hopMs: null,
  weightsBytes: 0,
  kvBytes: 0,
  keptBytes: 0,
  memoryBudgetBytes: 0,
  stake: null,
  standing: null,
  error: null,
}

/** What a tab shows when it holds no slice. */
export const noSlice: Partial<PeerSnapshot> = {
  layers: null,
  seat: null,
  seats: [],
  parts: [],
  downloadBytesPerSecond: null,
  links: [],
  requests: 0,
  tokensPerSecond: null,
  computeMs: null,
  hopMs: null,
  weightsBytes: 0,
  kvBytes: 0,
  keptBytes: 0,
}

export interface SnapshotBox {
  get(): PeerSnapshot
  set(change: Partial<PeerSnapshot>): void
}

export function createSnapshotBox(clock: Clock, tell: (snapshot: PeerSnapshot) => void): SnapshotBox {
  let snapshot = idleSnapshot
  let isWaiting = false
  let toldMs = Number.NEGATIVE_INFINITY

  function tellNow(): void {
    toldMs = clock.monotonicMs()
    tell(snapshot)
  }
  return {
    get: () => snapshot,
    set(change) {
      const isTurn = change.status !== undefined && change.status !== snapshot.status
      snapshot = { ...snapshot, ...change }
      const waitMs = toldMs + tellEveryMs - clock.monotonicMs()
      if (isTurn || (waitMs <= 0 && !isWaiting)) return tellNow()
      if (isWaiting) return
      isWaiting = true
      clock.schedule(waitMs, () => {
        isWaiting = false
        tellNow()
      })
    },
  }
}
