/** The pool's token as the page shows it: what it is, and how it stands on the chain. Asked when somebody looks, and after each act. */
import { asComputePoolError, type ErrorData } from '@computepool/shared/errors'
import type { InftToken, InftView } from '@computepool/shared/inft'
import { createExternalStore, type ReadableStore } from '../ui/stores/external-store.ts'
import type { InftClient } from './inft-client.ts'

/** A pool that is a token. */
export type PoolToken = Extract<InftView, { mode: 'token' }>

export interface TokenView {
  readonly status: 'unknown' | 'asking' | 'none' | 'token' | 'failed'
  /** Why there is none; empty otherwise. */
  readonly why: string
  readonly pool: PoolToken | null
  /** Null until the chain was asked; kept while it is asked again. */
  readonly token: InftToken | null
  /** Of the last question. */
  readonly error: ErrorData | null
}

export interface TokenStore extends ReadableStore<TokenView> {
  /** Asks what the pool is, once; not how its token stands. */
  look(): void
  /** Asks both. */
  refresh(): Promise<void>
}

export function createTokenStore(client: Pick<InftClient, 'view' | 'token'>): TokenStore {
  const store = createExternalStore<TokenView>({ status: 'unknown', why: '', pool: null, token: null, error: null })
  const view = store.getSnapshot
  /** Of two answers the later question's counts. */
  let asked = 0

  async function ask(isWhole: boolean): Promise<void> {
    asked += 1
    const own = asked
    if (view().status === 'unknown' || view().status === 'failed')
      store.set({ ...view(), status: 'asking', error: null })
    try {
      const found = await client.view()
      if (own !== asked) return
      if (found.mode === 'none') {
        store.set({ status: 'none', why: found.why, pool: null, token: null, error: null })
        return
      }
      const before = view().token?.tokenId === found.tokenId ? view().token : null
      store.set({ status: 'token', why: '', pool: found, token: before, error: null })
      if (!isWhole) return
      const token = await client.token(found.tokenId)
      if (own === asked) store.set({ ...view(), token })
    } catch (thrown) {
      if (own !== asked) return
      const error = asComputePoolError(thrown).toJSON()
      store.set({ ...view(), status: view().pool === null ? 'failed' : 'token', error })
    }
  }

  return {
    getSnapshot: view,
    subscribe: store.subscribe,
    look() {
      // None may be one that is being made.
      if (['unknown', 'failed', 'none'].includes(view().status)) void ask(false)
    },
    refresh: () => ask(true),
  }
}
