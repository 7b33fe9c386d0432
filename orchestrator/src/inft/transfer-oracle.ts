/**
 * Encrypts a pool's intelligence anew for who is to receive it, and says so with its key. Whoever hands it the containers' keys, sealed to
 * it, may have that done; the contract then asks for the owner's approval. What it signs it read from the chain. It moves no token.
 */
import { randomBytes } from 'node:crypto'
import { ComputePoolError } from '@computepool/shared/errors'
import {
  encryptionKeyOf,
  ownershipTypedData,
  type ProofContext,
  proofNonce,
  teeOracle,
  unseal,
} from '@computepool/shared/inft'
import type { BlobStore, StoredBlob } from '@computepool/shared/ports'
import { type Address, bytesToHex, type Hex, hexToBytes, isAddressEqual, type PublicClient } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { type InftPlace, readInft } from './inft-reader.ts'
import { openEntry, storeEntry } from './store-intelligence.ts'

export interface TransferOracleOptions {
  readonly client: PublicClient
  readonly place: InftPlace
  readonly store: BlobStore
  /** Signs, and is sealed to. */
  readonly privateKey: Hex
  /** How long its word is good, by the chain's clock. Default an hour. */
  readonly proofSeconds?: number | undefined
}

export interface TransferRequest {
  readonly tokenId: bigint
  readonly to: Address
  readonly isClone: boolean
  /** What the receiver wants the new keys sealed to: 64 bytes. */
  readonly publicKey: Hex
  /** The keys of the token's containers, in their order, sealed to the oracle's `encryptionKey`. */
  readonly keysForOracle: readonly Hex[]
}

/** `OwnershipProof` of the contract. */
export interface SignedOwnership {
  readonly oracleType: number
  readonly oldDataHash: Hex
  readonly newDataHash: Hex
  readonly sealedKey: Hex
  readonly encryptedPubKey: Hex
  readonly nonce: Hex
  readonly proof: Hex
}

export interface PreparedTransfer {
  readonly tokenId: bigint
  readonly from: Address
  readonly to: Address
  readonly isClone: boolean
  readonly entries: readonly {
    readonly description: string
    readonly blob: StoredBlob
    readonly ownershipProof: SignedOwnership
  }[]
}

export interface TransferOracle {
  readonly address: Address
  /** Where keys for it are to be sealed to: 64 bytes. */
  readonly encryptionKey: Hex
  /**
   * Errors: input_not_found, input_invalid, artifact_invalid where a key does not open its container, the store's and the client's.
   */
  prepare(request: TransferRequest, signal?: AbortSignal): Promise<PreparedTransfer>
}

export function createTransferOracle(options: TransferOracleOptions): TransferOracle {
  const { client, place, store, privateKey, proofSeconds = 3_600 } = options
  const account = privateKeyToAccount(privateKey)
  const secret = hexToBytes(privateKey)
  const verifierPlace = { chainId: place.chainId, verifier: place.verifier }

  return {
    address: account.address,
    encryptionKey: encryptionKeyOf(secret),
    async prepare({ tokenId, to, isClone, publicKey, keysForOracle }, signal) {
      const { owner: from, entries } = await readInft(client, place, tokenId)
      if (keysForOracle.length !== entries.length) {
        throw new ComputePoolError('input_invalid', `${keysForOracle.length} keys for ${entries.length} containers.`, {
          remedy: 'Seal the key of each container to the oracle, in their order.',
        })
      }
      if (!isClone && isAddressEqual(from, to)) {
        throw new ComputePoolError('input_invalid', `${to} owns token ${tokenId} already.`, {
          remedy: 'Write a new version instead of handing it to its owner.',
        })
      }
      const { timestamp } = await client.getBlock({ blockTag: 'latest' })
      const prepared: PreparedTransfer['entries'][number][] = []
      // One after the other: the store's key counts its transactions.
      for (const [index, entry] of entries.entries()) {
        const key = unseal(hexToBytes(keysForOracle[index]!), secret)
        const plaintext = await openEntry(store, place, entry, key, signal)
        const { description } = entry
        const next = await storeEntry(store, place, { description, plaintext, publicKey }, signal)
        const context: ProofContext = {
          salt: bytesToHex(randomBytes(32)),
          deadline: timestamp + BigInt(proofSeconds),
          tokenId,
          from,
          to,
          isClone,
        }
        const data = {
          oldDataHash: entry.blob.root,
          newDataHash: next.blob.root,
          sealedKey: next.sealedKey,
          encryptedPubKey: publicKey,
        }
        const proof = await account.signTypedData(ownershipTypedData(verifierPlace, place.token, context, data))
        const ownershipProof = { oracleType: teeOracle, ...data, nonce: proofNonce(context), proof }
        prepared.push({ description, blob: next.blob, ownershipProof })
      }
      return { tokenId, from, to, isClone, entries: prepared }
    },
  }
}
