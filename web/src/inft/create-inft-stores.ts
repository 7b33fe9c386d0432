/** The stores of the pool's token on a real page. The chain and the cryptography are loaded when somebody acts, not before. */
import { hostClock, hostEntropy } from '../host.ts'
import type { WalletStore } from '../wallet/wallet-store.ts'
import { type AccessStore, createAccessStore } from './access-store.ts'
import { type ActsStore, createActsStore } from './acts-store.ts'
import { createInftClient } from './inft-client.ts'
import { createTokenStore, type TokenStore } from './inft-store.ts'

export interface InftStores {
  readonly tokens: TokenStore
  readonly access: AccessStore
  readonly acts: ActsStore
}

/** `storage`: of the tab; null where the browser refuses it. */
export function createInftStores(wallet: WalletStore, storage: Storage | null): InftStores {
  const client = createInftClient()
  const tokens = createTokenStore(client)
  const access = createAccessStore({ client, wallet: wallet.payer, storage, wallMs: () => hostClock.wallMs() })
  const acts = createActsStore({
    client,
    tokens,
    access,
    wallet: wallet.payer,
    loadActs: () => import('./token-acts.ts'),
    openChain: async pool => (await import('./inft-chain.ts')).openInftChain(pool),
    randomBytes: length => hostEntropy.bytes(length),
  })
  return { tokens, access, acts }
}
