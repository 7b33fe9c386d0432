/** The pool's disputes, from `GET /api/disputes`; asked when somebody looks, and again when the pool's own counts have changed. */
import { asComputePoolError, type ErrorData } from '@computepool/shared/errors'
import type { DisputeView } from '@computepool/shared/money'
import { createExternalStore, type ReadableStore } from './external-store.ts'

export interface DisputesView {
  readonly status: 'unknown' | 'asking' | 'known' | 'failed'
  /** Newest first. Kept while it is asked again. */
  readonly disputes: readonly DisputeView[]
  readonly error: ErrorData | null
}

export interface DisputesStore extends ReadableStore<DisputesView> {
  /** Asks, unless it did for this `occasion` already. */
  loadFor(occasion: string): void
  refresh(): Promise<void>
}

export function createDisputesStore(fetchDisputes: () => Promise<readonly DisputeView[]>): DisputesStore {
  const store = createExternalStore<DisputesView>({ status: 'unknown', disputes: [], error: null })
  let loadedFor: string | null = null
  /** Of two answers the later question's counts. */
  let asked = 0

  async function refresh(): Promise<void> {
    asked += 1
    const own = asked
    const before = store.getSnapshot()
    store.set({ ...before, status: before.status === 'known' ? 'known' : 'asking', error: null })
    try {
      const disputes = await fetchDisputes()
      if (own === asked) store.set({ status: 'known', disputes, error: null })
    } catch (thrown) {
      if (own !== asked) return
      loadedFor = null
      const { status, disputes } = store.getSnapshot()
      const error = asComputePoolError(thrown).toJSON()
      store.set({ status: status === 'known' ? 'known' : 'failed', disputes, error })
    }
  }

  return {
    getSnapshot: store.getSnapshot,
    subscribe: store.subscribe,
    refresh,
    loadFor(occasion) {
      if (loadedFor === occasion) return
      loadedFor = occasion
      void refresh()
    },
  }
}
