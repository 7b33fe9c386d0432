/**
 * The receiver's side of a transfer: holds it to what the chain has of the token, fetches what the oracle stored, opens it with its own key,
 * and only then signs that it has it. A seller who sends something else, or nothing, so gets no signature. It sends no transaction.
 */
import { randomBytes } from 'node:crypto'
import { ComputePoolError } from '@computepool/shared/errors'
import {
  accessTypedData,
  describedSize,
  encryptionKeyOf,
  type ProofContext,
  proofNonce,
} from '@computepool/shared/inft'
import type { BlobStore } from '@computepool/shared/ports'
import { bytesToHex, type Hex, isAddressEqual, keccak256, type LocalAccount, type PublicClient } from 'viem'
import { type InftPlace, readInft } from './inft-reader.ts'
import { entryKey, openEntry } from './store-intelligence.ts'
import type { PreparedTransfer, SignedOwnership } from './transfer-oracle.ts'

/** `AccessProof` of the contract. */
export interface SignedAccess {
  readonly oldDataHash: Hex
  readonly newDataHash: Hex
  readonly nonce: Hex
  readonly encryptedPubKey: Hex
  readonly proof: Hex
}

/** What `iTransfer` and `iClone` take. */
export interface TransferProof {
  readonly accessProof: SignedAccess
  readonly ownershipProof: SignedOwnership
}

export interface AcceptOptions {
  readonly client: PublicClient
  readonly place: InftPlace
  readonly store: BlobStore
  /** The receiver, or its assistant. */
  readonly account: LocalAccount
  /** Of the key that the receiver asked the oracle to seal to. */
  readonly secret: Uint8Array
  /** Unix seconds of the chain: until when the word is good. */
  readonly deadline: bigint
}

/**
 * Errors: artifact_invalid where a container does not open, input_invalid where it was sealed to another key, or the token holds something
 * else by now; the store's, the client's, and those of readInft.
 */
export async function acceptTransfer(
  { tokenId, from, to, isClone, entries }: PreparedTransfer,
  { client, place, store, account, secret, deadline }: AcceptOptions,
  signal?: AbortSignal,
): Promise<TransferProof[]> {
  const publicKey = encryptionKeyOf(secret)
  const held = await readInft(client, place, tokenId)
  if (!isAddressEqual(from, held.owner) || entries.length !== held.entries.length) throw notHeld(tokenId)
  // The contract takes an empty key for that of the receiver's own address.
  const isOwnKey = isAddressEqual(`0x${keccak256(publicKey).slice(-40)}`, to)
  const proofs: TransferProof[] = []
  const opened: {
    asked: Pick<SignedAccess, 'oldDataHash' | 'newDataHash' | 'encryptedPubKey'>
    ownershipProof: SignedOwnership
  }[] = []
  for (const [at, { blob, ownershipProof }] of entries.entries()) {
    // A transfer leaves it as it is, so it is not what the pool says of it.
    const { description, blob: old } = held.entries[at]!
    const { oldDataHash, newDataHash, sealedKey, encryptedPubKey } = ownershipProof
    if (encryptedPubKey.toLowerCase() !== publicKey || newDataHash !== blob.root) {
      throw new ComputePoolError('input_invalid', 'The oracle prepared this transfer for another key.', {
        remedy: 'Have it prepared again, for the encryption key that you published.',
      })
    }
    if (oldDataHash !== old.root || describedSize(description) !== blob.sizeBytes) throw notHeld(tokenId)
    await openEntry(store, place, { description, blob }, entryKey({ description, blob, sealedKey }, secret), signal)
    opened.push({
      asked: { oldDataHash, newDataHash, encryptedPubKey: isOwnKey ? ('0x' as const) : publicKey },
      ownershipProof,
    })
  }
  // Not a word of one before all of them were opened.
  const verifierPlace = { chainId: place.chainId, verifier: place.verifier }
  for (const { asked, ownershipProof } of opened) {
    const context: ProofContext = { salt: bytesToHex(randomBytes(32)), deadline, tokenId, from, to, isClone }
    const proof = await account.signTypedData(accessTypedData(verifierPlace, place.token, context, asked))
    proofs.push({ accessProof: { ...asked, nonce: proofNonce(context), proof }, ownershipProof })
  }
  return proofs
}

const notHeld = (tokenId: bigint): ComputePoolError =>
  new ComputePoolError('input_invalid', `This transfer is not about what token ${tokenId} holds by the chain.`, {
    remedy: 'The owner can have it prepared again.',
  })
