/**
 * The tab's own wallet key, made on the first visit and kept in IndexedDB: it proves who the tab is, receives what the tab earns, and on
 * an embedded chain pays with test money. The key leaves this file only where its owner asks for a copy; signatures leave it.
 */
import type { PeerKey } from '@computepool/peer/runtime/peer-powers.ts'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Entropy } from '@computepool/shared/ports'
import type { LocalAccount } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

export interface BurnerKey {
  /** Lower case. */
  readonly address: `0x${string}`
  /** EIP-191. */
  sign(message: string): Promise<`0x${string}`>
  /** EIP-712. */
  readonly signTypedData: PeerKey['signTypedData']
  /** Signs typed data and transactions; holds no readable key. */
  readonly account: LocalAccount
}

type Secret = `0x${string}`

const databaseName = 'computepool-wallet'
const storeName = 'keys'
const keyName = 'burner'

/** The stored key, or a new one. Where the browser keeps nothing, a key for this visit only. */
export async function openBurnerKey(entropy: Entropy, databases: IDBFactory | undefined): Promise<BurnerKey> {
  const fresh = hex(entropy.bytes(32))
  let secret = fresh
  try {
    if (databases !== undefined)
      secret = await inStore(databases, async store => (await stored(store)) ?? put(store, fresh))
  } catch {
    // A private window may refuse: then the key lives as long as the tab.
  }
  const account = privateKeyToAccount(secret)
  return {
    address: account.address.toLowerCase() as `0x${string}`,
    sign: message => account.signMessage({ message }),
    signTypedData: data => account.signTypedData(data as never),
    account,
  }
}

/** The stored key itself, for its owner to keep elsewhere; null where none is stored. Whoever reads it owns its money. */
export function exportBurnerKey(databases: IDBFactory): Promise<Secret | null> {
  return inStore(databases, stored)
}

/**
 * Puts another key in the stored one's place; the old one is gone unless it was copied. Rejects with `input_invalid` where `text` is no
 * private key; the message never repeats it.
 */
export async function importBurnerKey(databases: IDBFactory, text: string): Promise<`0x${string}`> {
  const secret = text
    .trim()
    .toLowerCase()
    .replace(/^(0x)?/, '0x') as Secret
  const address = addressOf(secret)
  if (address === null) {
    throw new ComputePoolError('input_invalid', 'That is no private key.', {
      remedy: 'Paste 64 hexadecimal digits, with or without 0x.',
    })
  }
  await inStore(databases, store => put(store, secret))
  return address
}

function addressOf(secret: Secret): `0x${string}` | null {
  if (!/^0x[0-9a-f]{64}$/.test(secret)) return null
  try {
    return privateKeyToAccount(secret).address.toLowerCase() as `0x${string}`
  } catch {
    // Zero, or above the curve's order.
    return null
  }
}

function hex(bytes: Uint8Array): Secret {
  return `0x${Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')}`
}

/** One transaction reads and writes, so that two tabs that open at once agree on one key. */
async function inStore<T>(databases: IDBFactory, use: (store: IDBObjectStore) => Promise<T>): Promise<T> {
  const open = databases.open(databaseName, 1)
  open.onupgradeneeded = () => open.result.createObjectStore(storeName)
  const database = await settled(open)
  try {
    return await use(database.transaction(storeName, 'readwrite').objectStore(storeName))
  } finally {
    database.close()
  }
}

async function stored(store: IDBObjectStore): Promise<Secret | null> {
  const found: unknown = await settled(store.get(keyName))
  return typeof found === 'string' && /^0x[0-9a-f]{64}$/.test(found) ? (found as Secret) : null
}

async function put(store: IDBObjectStore, secret: Secret): Promise<Secret> {
  await settled(store.put(secret, keyName))
  return secret
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
