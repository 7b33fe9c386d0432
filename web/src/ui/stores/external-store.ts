/**
 * The smallest external store: one immutable snapshot, listeners, one setter. It knows nothing of React; components read it
 * through `useSyncExternalStore`.
 */
export interface ReadableStore<Snapshot> {
  getSnapshot(): Snapshot
  subscribe(listener: () => void): () => void
}

export interface WritableStore<Snapshot> extends ReadableStore<Snapshot> {
  set(next: Snapshot): void
}

/** A store that holds `initial`; listeners run after every change of identity. */
export function createExternalStore<Snapshot>(initial: Snapshot): WritableStore<Snapshot> {
  let snapshot = initial
  const listeners = new Set<() => void>()
  return {
    getSnapshot: () => snapshot,
    subscribe(listener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    set(next) {
      if (Object.is(next, snapshot)) return
      snapshot = next
      for (const listener of [...listeners]) listener()
    },
  }
}
