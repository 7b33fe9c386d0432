/** Reads an external store from a component; the component re-renders when the snapshot's identity changes. */
import { useSyncExternalStore } from 'react'
import type { ReadableStore } from './external-store.ts'

export function useStore<Snapshot>(store: ReadableStore<Snapshot>): Snapshot {
  return useSyncExternalStore(store.subscribe, store.getSnapshot)
}
