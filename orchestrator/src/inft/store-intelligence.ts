/** Puts a pool's intelligence into storage under a fresh key, sealed to its owner; and fetches and opens it. It sends no transaction. */
import { randomBytes } from 'node:crypto'
import {
  containerOverheadBytes,
  describeIntelligence,
  intelligenceBytes,
  openContainer,
  type PoolIntelligence,
  parseIntelligence,
  type SealingEntropy,
  sealContainer,
  sealTo,
  unseal,
} from '@computepool/shared/inft'
import type { BlobStore } from '@computepool/shared/ports'
import { bytesToHex, type Hex, hexToBytes } from 'viem'
import type { InftEntry, InftPlace } from './inft-reader.ts'

/** Of one sealing. Almost every 32 bytes are a scalar of the curve: all but one in 2^127. */
export const sealingEntropy = (): SealingEntropy => ({ ephemeralSecret: randomBytes(32), nonce: randomBytes(16) })

/** The entry of one plaintext for whoever has the secret of `publicKey`. Errors: the store's, and input_invalid for the key. */
export async function storeEntry(
  store: BlobStore,
  { chainId, token }: InftPlace,
  { description, plaintext, publicKey }: { description: string; plaintext: Uint8Array; publicKey: Hex },
  signal?: AbortSignal,
): Promise<InftEntry> {
  const key = randomBytes(32)
  // First, so that a key that is no point costs no upload.
  const sealedKey = bytesToHex(sealTo(publicKey, key, sealingEntropy()))
  const container = sealContainer({ chainId, contract: token, description, plaintext, key, nonce: randomBytes(12) })
  return { description, blob: await store.put(container, signal), sealedKey }
}

/** What to mint, or to put as the next version: `mint(owner, [{ dataDescription, dataHash }], [sealedKey])`. */
export function storeIntelligence(
  store: BlobStore,
  place: InftPlace,
  { intelligence, publicKey }: { intelligence: PoolIntelligence; publicKey: Hex },
  signal?: AbortSignal,
): Promise<InftEntry> {
  const plaintext = intelligenceBytes(intelligence)
  const description = describeIntelligence(plaintext.length + containerOverheadBytes)
  return storeEntry(store, place, { description, plaintext, publicKey }, signal)
}

/** A container's key as the owner finds it with the secret that it was sealed to. @throws artifact_invalid. */
export const entryKey = ({ sealedKey }: InftEntry, secret: Uint8Array): Uint8Array =>
  unseal(hexToBytes(sealedKey), secret)

/** Fetches, compares with the data hash, and opens. Errors: the store's; artifact_invalid where the key is another. */
export async function openEntry(
  store: BlobStore,
  { chainId, token }: InftPlace,
  { description, blob }: Pick<InftEntry, 'description' | 'blob'>,
  key: Uint8Array,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const container = await store.get(blob, signal)
  return openContainer(container, key, { chainId, contract: token, description })
}

/** The same for a pool's intelligence. */
export async function openIntelligence(
  store: BlobStore,
  place: InftPlace,
  entry: InftEntry,
  secret: Uint8Array,
  signal?: AbortSignal,
): Promise<PoolIntelligence> {
  return parseIntelligence(await openEntry(store, place, entry, entryKey(entry, secret), signal))
}
