/**
 * One act with the pool's token at a time: which, for whom, how far it is, how it ended. Beside it what concerns the wallet in use: transfers
 * from and to it, and the key that it published. The derived secret stays in here for as long as the wallet is the same.
 */
import { asComputePoolError, ComputePoolError, type ErrorData } from '@computepool/shared/errors'
import type { EncryptionKey, PoolIntelligence, TransferView } from '@computepool/shared/inft'
import { createExternalStore, type ReadableStore } from '../ui/stores/external-store.ts'
import type { ActingWallet } from '../wallet/payer-wallet.ts'
import type { AccessStore } from './access-store.ts'
import type { InftChain } from './inft-chain.ts'
import type { InftClient } from './inft-client.ts'
import type { PoolToken, TokenStore } from './inft-store.ts'
import type { ActPowers, ActStep, Offer } from './token-acts.ts'

export type ActKind =
  | 'grant'
  | 'revoke'
  | 'publish'
  | 'open'
  | 'write'
  | 'offer'
  | 'offer-clone'
  | 'accept'
  | 'hand-over'
  | 'clone'

export interface Act {
  readonly kind: ActKind
  /** The address or the transfer that it is about; empty where there is no choice. */
  readonly subject: string
  /** `done`: it ended well, without a transaction; `confirmed`: a block has it. */
  readonly step: ActStep | 'done' | 'confirmed' | 'failed'
  readonly hash: `0x${string}` | null
  readonly error: ErrorData | null
}

export interface ActsView {
  /** The running one, or the last. */
  readonly act: Act | null
  /** Whose the rest is: lower case; null before a wallet was looked at. */
  readonly account: string | null
  readonly transfers: readonly TransferView[]
  /** Whether the account published an encryption key; null: not asked yet. */
  readonly hasKey: boolean | null
  /** What a version says that was opened here, and which: `newest` or a transfer's id. */
  readonly opened: { readonly of: string; readonly intelligence: PoolIntelligence } | null
  readonly error: ErrorData | null
}

export interface ActsStore extends ReadableStore<ActsView> {
  /** Asks for the transfers and the key of the wallet in use. */
  look(): Promise<void>
  /** The same, unless it did for this `occasion` already. */
  lookFor(occasion: string): void
  /** `expiresAt`: seconds since 1970; 0: until revoked. */
  grant(user: string, expiresAt: number): Promise<void>
  revoke(user: `0x${string}`): Promise<void>
  publishKey(): Promise<void>
  openNewest(): Promise<void>
  write(next: PoolIntelligence): Promise<void>
  offer(offer: Offer): Promise<void>
  accept(id: string): Promise<void>
  /** Or sends the clone, as it was prepared. */
  handOver(id: string): Promise<void>
}

type TokenActs = typeof import('./token-acts.ts')

export interface ActsStoreParts {
  readonly client: InftClient
  readonly tokens: TokenStore
  readonly access: AccessStore
  wallet(): ActingWallet | null
  loadActs(): Promise<TokenActs>
  openChain(pool: PoolToken): Promise<InftChain>
  randomBytes(length: number): Uint8Array
}

export const isRunning = (act: Act | null): boolean =>
  act !== null && act.step !== 'done' && act.step !== 'confirmed' && act.step !== 'failed'

export function createActsStore(parts: ActsStoreParts): ActsStore {
  const { client, tokens, access } = parts
  const nobody = { account: null, transfers: [], hasKey: null, opened: null, error: null }
  const store = createExternalStore<ActsView>({ act: null, ...nobody })
  const view = store.getSnapshot
  const patch = (change: Partial<ActsView>) => store.set({ ...view(), ...change })
  let chain: { readonly of: string; readonly opened: Promise<InftChain> } | null = null
  let lookedFor: string | null = null
  let secret: { readonly of: string; readonly key: EncryptionKey } | null = null

  function chainOf(pool: PoolToken): Promise<InftChain> {
    const of = `${pool.rpcUrl} ${pool.token}`
    if (chain?.of !== of) {
      const opened = parts.openChain(pool)
      chain = { of, opened }
      opened.catch(() => {
        chain = null
      })
    }
    return chain.opened
  }

  async function look(): Promise<void> {
    const wallet = parts.wallet()
    const { pool } = tokens.getSnapshot()
    const account = wallet?.address.toLowerCase() ?? null
    if (account !== view().account) {
      secret = null
      patch({ ...nobody, account })
    }
    if (wallet === null || pool === null) return
    try {
      const [transfers, publicKey] = await Promise.all([
        client.transfers(wallet.address, access.token()),
        chainOf(pool).then(opened => opened.encryptionKeyOf(wallet.address)),
      ])
      if (view().account === account) patch({ transfers, hasKey: publicKey !== '0x', error: null })
    } catch (thrown) {
      if (view().account === account) patch({ error: asComputePoolError(thrown).toJSON() })
    }
  }

  /** The wallet's key: derived once, and forgotten with the wallet. */
  async function keyOf(powers: ActPowers, acts: TokenActs): Promise<EncryptionKey> {
    const of = powers.wallet.address.toLowerCase()
    if (secret?.of !== of) secret = { of, key: await acts.keyOf(powers) }
    return secret.key
  }

  async function perform(
    kind: ActKind,
    subject: string,
    first: ActStep,
    task: (powers: ActPowers, acts: TokenActs) => Promise<unknown>,
  ): Promise<void> {
    if (isRunning(view().act)) return
    let act: Act = { kind, subject, step: first, hash: null, error: null }
    const tell = (change: Partial<Act>) => {
      act = { ...act, ...change }
      patch({ act })
    }
    tell({})
    try {
      const { pool, token } = tokens.getSnapshot()
      const wallet = parts.wallet()
      if (pool === null || token === null) throw notKnown()
      if (wallet === null) throw noWallet()
      const [acts, opened] = await Promise.all([parts.loadActs(), chainOf(pool)])
      const { randomBytes } = parts
      await task(
        {
          ...{ pool, token, wallet, client, chain: opened, randomBytes },
          access: () => access.tokenOf(wallet),
          tell: (step, hash) => tell(hash === undefined ? { step } : { step, hash }),
        },
        acts,
      )
      tell({ step: act.hash === null ? 'done' : 'confirmed' })
    } catch (thrown) {
      const stale = access.token()
      if (stale !== null && asComputePoolError(thrown).code === 'peer_unauthenticated') access.forget(stale)
      tell({ step: 'failed', error: told(thrown, act.hash) })
    }
    await Promise.all([tokens.refresh(), look()])
  }

  function transferOf(id: string): TransferView {
    const found = view().transfers.find(transfer => transfer.id === id)
    if (found !== undefined) return found
    throw new ComputePoolError('input_not_found', 'This transfer is not there any more.', {
      remedy: 'Refresh this page; the owner can have it prepared again.',
    })
  }

  return {
    getSnapshot: view,
    subscribe: store.subscribe,
    look,
    lookFor(occasion) {
      if (lookedFor === occasion) return
      lookedFor = occasion
      void look()
    },
    grant: (user, expiresAt) =>
      perform('grant', user, 'checking', (powers, acts) => acts.grant(powers, user, BigInt(expiresAt))),
    revoke: user => perform('revoke', user, 'checking', (powers, acts) => acts.revoke(powers, user)),
    publishKey: () =>
      perform('publish', '', 'key', async (powers, acts) => {
        secret = { of: powers.wallet.address.toLowerCase(), key: await acts.publishKey(powers) }
      }),
    openNewest: () =>
      perform('open', '', 'key', async (powers, acts) => {
        const intelligence = await acts.openNewest(powers, await keyOf(powers, acts))
        patch({ opened: { of: 'newest', intelligence } })
      }),
    write: next =>
      perform('write', '', 'key', async (powers, acts) => {
        await acts.writeVersion(powers, await keyOf(powers, acts), next)
        patch({ opened: { of: 'newest', intelligence: next } })
      }),
    offer: offer =>
      perform(offer.isClone ? 'offer-clone' : 'offer', offer.to, 'checking', async (powers, acts) => {
        await acts.checkReceiver(powers, offer.to)
        await acts.offer(powers, offer, await keyOf(powers, acts))
      }),
    accept: id =>
      perform('accept', id, 'key', async (powers, acts) => {
        const intelligence = await acts.accept(powers, transferOf(id), await keyOf(powers, acts))
        if (intelligence !== null) patch({ opened: { of: id, intelligence } })
      }),
    handOver: id => {
      const isClone = view().transfers.some(transfer => transfer.id === id && transfer.isClone)
      return perform(isClone ? 'clone' : 'hand-over', id, 'checking', (powers, acts) =>
        acts.handOver(powers, transferOf(id)),
      )
    },
  }
}

/** After a transaction was handed over, that it went wrong is not that it will not arrive. */
function told(thrown: unknown, hash: string | null): ErrorData {
  const error = asComputePoolError(thrown)
  if (hash === null || error.code === 'chain_reverted') return error.toJSON()
  const remedy =
    'The transaction was handed to the chain all the same: refresh, and see whether it arrived, before you send another.'
  return { ...error.toJSON(), remedy }
}

const notKnown = () =>
  new ComputePoolError('chain_unreachable', 'How the token stands is not known yet.', {
    remedy: 'Refresh this page, then try again.',
  })
const noWallet = () =>
  new ComputePoolError('payment_wallet_failed', 'No wallet is connected.', {
    remedy: 'Connect a wallet above, then try again.',
  })
