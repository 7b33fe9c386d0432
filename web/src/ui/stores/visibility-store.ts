/** Whether the tab is in front, and how long it was not: browsers slow hidden tabs, and an operator should know. */
import { createExternalStore, type ReadableStore } from './external-store.ts'

export interface Visibility {
  readonly isHidden: boolean
  /** How long the last absence took; null before the first. */
  readonly lastHiddenMs: number | null
}
export type VisibilityStore = ReadableStore<Visibility>

export function createVisibilityStore(document: Document, now: () => number): VisibilityStore {
  const store = createExternalStore<Visibility>({ isHidden: document.hidden, lastHiddenMs: null })
  let hiddenSince = document.hidden ? now() : null
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) {
      hiddenSince = now()
      store.set({ ...store.getSnapshot(), isHidden: true })
      return
    }
    const lastHiddenMs = hiddenSince === null ? null : now() - hiddenSince
    hiddenSince = null
    store.set({ isHidden: false, lastHiddenMs })
  })
  return store
}
