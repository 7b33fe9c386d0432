/**
 * Who signed in to a private pool: the wallet signs a text of the server's (EIP-4361), and the session that comes back goes with each
 * question. Kept in `sessionStorage` at most, so that a closed tab leaves nothing behind. It says who somebody is, not what they may do.
 */
import { asComputePoolError, ComputePoolError, type ErrorData } from '@computepool/shared/errors'
import { accessHeader } from '@computepool/shared/inft'
import { z } from 'zod'
import { createExternalStore, type ReadableStore } from '../ui/stores/external-store.ts'
import type { ActingWallet } from '../wallet/payer-wallet.ts'
import type { InftClient } from './inft-client.ts'

export interface AccessView {
  readonly address: `0x${string}` | null
  /** Milliseconds since 1970. */
  readonly endsAtMs: number
  readonly isBusy: boolean
  readonly error: ErrorData | null
}

export interface AccessStore extends ReadableStore<AccessView> {
  /** With the wallet in use; its failure is shown, not thrown. */
  signIn(): Promise<void>
  signOut(): Promise<void>
  /** The session of `wallet`, signed for now where there is none. Rejects where its owner declines or the server refuses. */
  tokenOf(wallet: ActingWallet): Promise<string>
  /** Of whoever signed in; null where nobody did, or it is over. */
  token(): string | null
  /** The server knows this session no more: it began anew, or forgot. Another one stays. */
  forget(token: string): void
}

export interface AccessStoreParts {
  readonly client: Pick<InftClient, 'challenge' | 'signIn' | 'signOut'>
  wallet(): ActingWallet | null
  readonly storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | null
  /** Milliseconds since 1970. */
  wallMs(): number
}

const keptSchema = z.object({
  token: z.string().min(1).max(500),
  address: z.custom<`0x${string}`>(value => typeof value === 'string' && /^0x[0-9a-f]{40}$/i.test(value)),
  endsAt: z.number(),
})
type Kept = z.output<typeof keptSchema>
const storageKey = 'computepool.access'

export function createAccessStore({ client, wallet, storage, wallMs }: AccessStoreParts): AccessStore {
  let session = read()
  const store = createExternalStore<AccessView>({ ...factsOf(session), isBusy: false, error: null })
  const patch = (change: Partial<AccessView>) => store.set({ ...store.getSnapshot(), ...change })

  function read(): Kept | null {
    try {
      const kept = keptSchema.parse(JSON.parse(storage?.getItem(storageKey) ?? 'null'))
      return kept.endsAt > wallMs() ? kept : null
    } catch {
      return null
    }
  }

  function keep(next: Kept | null): void {
    session = next
    try {
      if (next === null) storage?.removeItem(storageKey)
      else storage?.setItem(storageKey, JSON.stringify(next))
    } catch {
      // A full storage: it then lasts as long as the page.
    }
    patch(factsOf(next))
  }

  function live(): Kept | null {
    if (session !== null && session.endsAt <= wallMs()) keep(null)
    return session
  }

  async function tokenOf(asking: ActingWallet): Promise<string> {
    const known = live()
    if (known !== null && isSame(known.address, asking.address)) return known.token
    const message = await client.challenge(asking.address)
    const signed = await client.signIn(message, await asking.signMessage(message))
    keep({ token: signed.token, address: signed.address, endsAt: signed.endsAt })
    return signed.token
  }

  return {
    getSnapshot: store.getSnapshot,
    subscribe: store.subscribe,
    tokenOf,
    token: () => live()?.token ?? null,
    forget(token) {
      if (session?.token === token) keep(null)
    },
    async signIn() {
      if (store.getSnapshot().isBusy) return
      patch({ isBusy: true, error: null })
      try {
        const asking = wallet()
        if (asking === null) {
          throw new ComputePoolError('payment_wallet_failed', 'No wallet is connected.', {
            remedy: 'Connect the wallet that was authorised, then sign in.',
          })
        }
        await tokenOf(asking)
      } catch (thrown) {
        patch({ error: asComputePoolError(thrown).toJSON() })
      } finally {
        patch({ isBusy: false })
      }
    },
    async signOut() {
      const token = live()?.token
      keep(null)
      // The server forgets it by itself in the end: what counts is that this tab has it no more.
      if (token !== undefined) await client.signOut(token).catch(() => {})
    },
  }
}

/** A fetch that tells who asks, to this origin's own API only. A sign-in that is refused there is given up: the next question asks for one. */
export function fetchWithAccess(
  { token, forget }: Pick<AccessStore, 'token' | 'forget'>,
  fetchImpl: typeof fetch = fetch,
): typeof fetch {
  return async (input, init) => {
    const access = token()
    if (access === null || typeof input !== 'string' || !input.startsWith('/v1/')) return fetchImpl(input, init)
    const headers = new Headers(init?.headers)
    headers.set(accessHeader, access)
    const response = await fetchImpl(input, { ...init, headers })
    if (response.status === 401) forget(access)
    return response
  }
}

const factsOf = (session: Kept | null) => ({ address: session?.address ?? null, endsAtMs: session?.endsAt ?? 0 })
const isSame = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase()
