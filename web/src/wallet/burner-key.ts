/**
 * The tab's own wallet key, made on the first visit and kept in IndexedDB: it proves who the tab is until a person connects a
 * wallet. The key never leaves this file; only signatures do.
 */
import type { Entropy } from '@computepool/shared/ports'
import { privateKeyToAccount } from 'viem/accounts'

export interface BurnerKey {
  /** Lower case. */
  readonly address: `0x${string}`
  /** EIP-191. */
  sign(message: string): Promise<`0x${string}`>
}

const databaseName = 'computepool-wallet'
const storeName = 'keys'
const keyName = 'burner'

/** The stored key, or a new one. Where the browser keeps nothing, a key for this visit only. */
export async function openBurnerKey(entropy: Entropy, databases: IDBFactory | undefined): Promise<BurnerKey> {
  const fresh = hex(entropy.bytes(32))
  let secret = fresh
  try {
    if (databases !== undefined) secret = await storedOr(databases, fresh)
  } catch {
    // A private window may refuse: then the key lives as long as the tab.
  }
  const account = privateKeyToAccount(secret)
  return {
    address: account.address.toLowerCase() as `0x${string}`,
    sign: message => account.signMessage({ message }),
  }
}

function hex(bytes: Uint8Array): `0x${string}` {
  return `0x${Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')}`
}

/** One transaction reads or writes, so that two tabs that open at once agree on one key. */
async function storedOr(databases: IDBFactory, fresh: `0x${string}`): Promise<`0x${string}`> {
  const open = databases.open(databaseName, 1)
  open.onupgradeneeded = () => open.result.createObjectStore(storeName)
  const database = await settled(open)
  try {
    const store = database.transaction(storeName, 'readwrite').objectStore(storeName)
    const found: unknown = await settled(store.get(keyName))
    if (typeof found === 'string' && /^0x[0-9a-f]{64}$/.test(found)) return found as `0x${string}`
    await settled(store.put(fresh, keyName))
    return fresh
  } finally {
    database.close()
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
