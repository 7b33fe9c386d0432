/** What work costs here, asked once when somebody first looks; asked again after a failure, or when the terms may have changed. */
import { asComputePoolError, type ErrorData } from '@computepool/shared/errors'
import type { MoneyTerms, PaidTerms } from '@computepool/shared/money'
import { createExternalStore, type ReadableStore } from '../ui/stores/external-store.ts'

export type TermsView =
  | { readonly status: 'unknown' | 'asking' }
  | { readonly status: 'free' }
  | { readonly status: 'paid'; readonly terms: PaidTerms }
  | { readonly status: 'failed'; readonly error: ErrorData }

export interface TermsStore extends ReadableStore<TermsView> {
  load(): void
  /** Asks again; what is known stays until the answer comes. False where none came. */
  refresh(): Promise<boolean>
}

/** `retryLater` runs its task after a while: a till opens some seconds after its page. Absent: only `load` asks again. */
export function createTermsStore(
  fetchTerms: () => Promise<MoneyTerms>,
  retryLater: (task: () => void) => void = () => {},
): TermsStore {
  const store = createExternalStore<TermsView>({ status: 'unknown' })
  async function ask(): Promise<boolean> {
    try {
      const terms = await fetchTerms()
      store.set(terms.mode === 'free' ? { status: 'free' } : { status: 'paid', terms })
      return true
    } catch (thrown) {
      const { status } = store.getSnapshot()
      if (status === 'paid' || status === 'free') return false
      store.set({ status: 'failed', error: asComputePoolError(thrown).toJSON() })
      retryLater(() => {
        if (store.getSnapshot().status === 'failed') void ask()
      })
      return false
    }
  }
  return {
    getSnapshot: store.getSnapshot,
    subscribe: store.subscribe,
    refresh: ask,
    load() {
      const { status } = store.getSnapshot()
      if (status !== 'unknown' && status !== 'failed') return
      store.set({ status: 'asking' })
      void ask()
    },
  }
}

/** The terms where work is paid for; null otherwise. */
export const paidTermsOf = (view: TermsView): PaidTerms | null => (view.status === 'paid' ? view.terms : null)
