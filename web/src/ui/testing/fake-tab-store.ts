/** A tab store that does as it is told: tests set its snapshot and read the commands it was given. */
import { idleSnapshot } from '../../peer/snapshot-box.ts'
import type { TabSnapshot, TabStore } from '../../peer/tab-snapshot.ts'
import { createExternalStore } from '../stores/external-store.ts'

export interface FakeTabStore extends TabStore {
  readonly calls: readonly string[]
  become(change: Partial<TabSnapshot>): void
}

export function createFakeTabStore(start: Partial<TabSnapshot> = {}): FakeTabStore {
  const store = createExternalStore<TabSnapshot>({ ...idleSnapshot, ...start })
  const calls: string[] = []
  return {
    calls,
    getSnapshot: store.getSnapshot,
    subscribe: store.subscribe,
    become: change => store.set({ ...store.getSnapshot(), ...change }),
    join: options => calls.push(`join ${JSON.stringify(options)}`),
    pauseDownload: () => calls.push('pauseDownload'),
    resumeDownload: () => calls.push('resumeDownload'),
    leave: () => calls.push('leave'),
  }
}
