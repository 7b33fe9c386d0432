/**
 * A pool's token over fakes, for tests of pages: a server and a chain of plain values that do as they are told, with the real stores and
 * the real cryptography in between. Nothing here is a contract.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import {
  describeIntelligence,
  encryptionKeyOf,
  type InftToken,
  type InftView,
  intelligenceBytes,
  type PoolIntelligence,
  sealContainer,
  sealTo,
  type TransferView,
  walletKey,
  walletKeyMessage,
} from '@computepool/shared/inft'
import { fileRootOf } from '@computepool/shared/storage0g'
import { bytesToHex, hexToBytes } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import { createAccessStore } from '../../inft/access-store.ts'
import { createActsStore } from '../../inft/acts-store.ts'
import type { InftStores } from '../../inft/create-inft-stores.ts'
import type { InftChain } from '../../inft/inft-chain.ts'
import type { AccessOrder, BlobName, InftClient, TransferOrder } from '../../inft/inft-client.ts'
import { createTokenStore, type PoolToken } from '../../inft/inft-store.ts'
import * as tokenActs from '../../inft/token-acts.ts'
import type { WalletStore } from '../../wallet/wallet-store.ts'

type Hex = `0x${string}`
const hash = (digit: string): Hex => `0x${digit.repeat(64)}`
const address = (digit: string): Hex => `0x${digit.repeat(40)}`
export const oracleSecret = hexToBytes(`0x${'23'.repeat(32)}`)

export const samplePoolToken = (change: Partial<PoolToken> = {}): PoolToken => ({
  mode: 'token',
  chainId: 31_337,
  rpcUrl: 'http://localhost:3000/api/chain',
  token: address('a'),
  verifier: address('b'),
  tokenId: '1',
  isPrivate: true,
  storage: { kind: 'stand-in', gateway: null },
  oracle: {
    address: address('c'),
    encryptionKey: encryptionKeyOf(oracleSecret),
    measurement: hash('0'),
    isSimulated: true,
  },
  ...change,
})

export const sampleIntelligence: PoolIntelligence = {
  version: 1,
  model: { id: 'story-15m', manifestSha256: 'ab'.repeat(32), layers: 6 },
  spans: [],
  systemPrompt: 'Tell stories about a hedgehog.',
  policy: { pricePerSecondAtomic: '1000', stakeAtomic: '0', checkRate: 0.61 },
}

export interface FakeInft {
  readonly client: InftClient
  readonly chain: InftChain
  view: InftView
  token: InftToken
  transfers: readonly TransferView[]
  /** Containers by root. */
  readonly blobs: Map<string, Uint8Array>
  /** Published encryption keys, by address in lower case. */
  readonly keys: Map<string, Hex>
  readonly calls: string[]
  readonly orders: TransferOrder[]
  readonly accepted: AccessOrder[]
  /** Runs before the chain is asked whether it would take a transaction; a throw is its refusal. */
  onCheck: () => void
  /** Runs when the oracle is looked up; a throw says that it is none of the token's. */
  onOracle: () => void
  /** Runs when a block is waited for. */
  onConfirm: () => Promise<void>
  stores(wallet: WalletStore): InftStores
}

export function createFakeInft(owner: Hex, pool: PoolToken = samplePoolToken()): FakeInft {
  let drawn = 0
  // Differs at each call, and is the same in each run.
  const randomBytes = (length: number) => {
    drawn += 1
    return new Uint8Array(length).fill(drawn)
  }
  const client: InftClient = {
    view: async () => fake.view,
    async token() {
      fake.calls.push('token')
      return fake.token
    },
    challenge: async who => `sign in as ${who}`,
    async signIn(message) {
      fake.calls.push('sign in')
      return { token: 'fake-access', address: message.slice(-42) as Hex, endsAt: 2_000_000_000_000 }
    },
    async signOut() {
      fake.calls.push('sign out')
    },
    async blob({ root }) {
      const found = fake.blobs.get(root)
      if (found !== undefined) return found
      throw new ComputePoolError('input_not_found', `Nothing names ${root}.`, { remedy: 'Refresh.' })
    },
    async store(container) {
      const { root, sizeBytes } = fileRootOf(container)
      fake.blobs.set(root, container)
      return { root, sizeBytes } satisfies BlobName
    },
    transfers: async () => fake.transfers,
    async prepare(order) {
      fake.orders.push(order)
    },
    async accept(_id, order) {
      fake.accepted.push(order)
    },
  }
  const chain: InftChain = {
    async check() {
      fake.onCheck()
    },
    confirm: () => fake.onConfirm(),
    encryptionKeyOf: async account => fake.keys.get(account.toLowerCase()) ?? '0x',
    requireOracle: async () => fake.onOracle(),
    nowSeconds: async () => 1_700_000_000n,
  }
  const fake: FakeInft = {
    client,
    chain,
    view: pool,
    token: {
      tokenId: '1',
      owner,
      version: 1,
      entries: [],
      authorised: [],
      history: [
        {
          version: 1,
          roots: [hash('1')],
          transaction: hash('2'),
          blockNumber: 3,
          atSeconds: 1_700_000_000,
          by: 'mint',
          oracle: null,
        },
      ],
    },
    transfers: [],
    blobs: new Map(),
    keys: new Map(),
    calls: [],
    orders: [],
    accepted: [],
    onCheck() {},
    onOracle() {},
    onConfirm: async () => {},
    stores(wallet) {
      const tokens = createTokenStore(client)
      const kept = new Map<string, string>()
      const storage = {
        getItem: (key: string) => kept.get(key) ?? null,
        setItem: (key: string, value: string) => void kept.set(key, value),
        removeItem: (key: string) => void kept.delete(key),
      }
      const access = createAccessStore({ client, wallet: wallet.payer, storage, wallMs: () => 1_700_000_000_000 })
      const acts = createActsStore({
        ...{ client, tokens, access, randomBytes },
        wallet: wallet.payer,
        loadActs: async () => tokenActs,
        openChain: async () => chain,
      })
      return { tokens, access, acts }
    },
  }
  return fake
}

/** No token: the pool of most pages' tests. */
export function noInft(): FakeInft {
  const fake = createFakeInft(address('9'))
  fake.view = { mode: 'none', why: 'work is free here, and there is no chain.' }
  return fake
}

/** An account's own derived key, as its wallet would make it. */
export async function derivedKeyOf(account: PrivateKeyAccount, pool: PoolToken) {
  const place = { chainId: pool.chainId, contract: pool.token, account: account.address }
  return walletKey(place, await account.signMessage({ message: walletKeyMessage(place) }))
}

/** An entry whose container lies in the fake's storage, sealed to `publicKey`. */
export function sealedEntry(fake: FakeInft, pool: PoolToken, publicKey: Hex, intelligence = sampleIntelligence) {
  const plaintext = intelligenceBytes(intelligence)
  const description = describeIntelligence(plaintext.length + 34)
  const key = new Uint8Array(32).fill(fake.blobs.size + 77)
  const place = { chainId: pool.chainId, contract: pool.token, description }
  const container = sealContainer({ ...place, plaintext, key, nonce: new Uint8Array(12).fill(5) })
  const { root, sizeBytes } = fileRootOf(container)
  fake.blobs.set(root, container)
  const entropy = { ephemeralSecret: new Uint8Array(32).fill(9), nonce: new Uint8Array(16).fill(4) }
  return { description, root, sizeBytes, sealedKey: bytesToHex(sealTo(publicKey, key, entropy)) }
}
