/** A tab store that does as it is told: tests set its snapshot and read the commands it was given. */

import type { PeerSnapshot } from '@computepool/peer/runtime/peer-snapshot.ts'
import { idleSnapshot } from '@computepool/peer/runtime/snapshot-box.ts'
import { bigintAsString } from '@computepool/shared/money'
import type { TabStore } from '../../peer/tab-commands.ts'
import { createExternalStore } from '../stores/external-store.ts'

export interface FakeTabStore extends TabStore {
  readonly calls: readonly string[]
  become(change: Partial<PeerSnapshot>): void
}

export function createFakeTabStore(start: Partial<PeerSnapshot> = {}): FakeTabStore {
  const store = createExternalStore<PeerSnapshot>({ ...idleSnapshot, ...start })
  const calls: string[] = []
  return {
    calls,
    getSnapshot: store.getSnapshot,
    subscribe: store.subscribe,
    become: change => store.set({ ...store.getSnapshot(), ...change }),
    join: options => calls.push(`join ${JSON.stringify(options, bigintAsString)}`),
    pauseDownload: () => calls.push('pauseDownload'),
    resumeDownload: () => calls.push('resumeDownload'),
    drain: deadlineMs => calls.push(`drain ${deadlineMs}`),
    leave: () => calls.push('leave'),
  }
}
