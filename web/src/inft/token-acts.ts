/**
 * What people do with a pool's token, step by step: authorise, revoke, write a version, publish a key, offer, accept, hand over or clone. Each tells
 * where it is. Keys and plaintexts stay in this page; containers leave it sealed. It keeps nothing and draws nothing.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import {
  accessTypedData,
  containerKeyBytes,
  containerOverheadBytes,
  describedSize,
  describeIntelligence,
  type EncryptionKey,
  encryptionKeyOf,
  type InftToken,
  intelligenceBytes,
  openContainer,
  type PoolIntelligence,
  type ProofContext,
  parseIntelligence,
  proofNonce,
  type SealingEntropy,
  sealContainer,
  sealTo,
  type TransferView,
  unseal,
} from '@computepool/shared/inft'
import { bytesToHex, getAddress, hexToBytes, isAddress, keccak256 } from 'viem'
import type { ActingWallet, ContractCall } from '../wallet/payer-wallet.ts'
import { askWalletKey, askWalletKeyTwice } from './ask-wallet-key.ts'
import { tokenCalls } from './inft-calls.ts'
import type { InftChain } from './inft-chain.ts'
import type { InftClient } from './inft-client.ts'
import type { PoolToken } from './inft-store.ts'

type Hex = `0x${string}`

/** `key` and `signing` wait for the wallet's signature, `asked` for its word on a transaction, `sent` for a block. */
export type ActStep =
  | 'key'
  | 'key-again'
  | 'signing-in'
  | 'opening'
  | 'storing'
  | 'preparing'
  | 'signing'
  | 'checking'
  | 'asked'
  | 'sent'

export interface ActPowers {
  readonly pool: PoolToken
  readonly token: InftToken
  readonly wallet: ActingWallet
  readonly client: Pick<InftClient, 'blob' | 'store' | 'prepare' | 'accept'>
  readonly chain: InftChain
  /** A session of the wallet's. */
  access(): Promise<string>
  randomBytes(length: number): Uint8Array
  tell(step: ActStep, hash?: Hex): void
}

export async function grant(powers: ActPowers, userText: string, expiresAt: bigint): Promise<void> {
  const user = addressOf(userText)
  if (expiresAt !== 0n && expiresAt <= (await powers.chain.nowSeconds())) {
    throw inputInvalid('The end lies in the past by the chain’s clock.', 'Choose a later end, or none.', 'end')
  }
  await submit(powers, callsOf(powers).grant(user, expiresAt))
}

export const revoke = (powers: ActPowers, user: Hex) => submit(powers, callsOf(powers).revoke(user))

export async function publishKey(powers: ActPowers): Promise<EncryptionKey> {
  powers.tell('key')
  const { wallet, pool } = powers
  const onAgain = () => powers.tell('key-again')
  const key = await askWalletKeyTwice({ wallet, chainId: pool.chainId, token: pool.token, onAgain })
  await submit(powers, callsOf(powers).publishKey(key.publicKey))
  return key
}

/** The wallet's key by one signature: what was sealed to it tells whether it is the right one. */
export async function keyOf({ wallet, pool, tell }: ActPowers): Promise<EncryptionKey> {
  tell('key')
  return askWalletKey({ wallet, chainId: pool.chainId, token: pool.token })
}

/** What the pool's newest version says, for its owner. Errors: artifact_invalid where it is sealed to another key. */
export async function openNewest(powers: ActPowers, { secret }: EncryptionKey): Promise<PoolIntelligence> {
  powers.tell('opening')
  const entry = powers.token.entries[0]
  if (entry === undefined)
    throw inputInvalid('The token has no intelligence.', 'Its owner can write a version.', 'token')
  return openEntry(powers, entry.description, entry, unseal(hexToBytes(entry.sealedKey), secret))
}

/** Seals it here, stores the sealed bytes, and puts their root into the token. */
export async function writeVersion(powers: ActPowers, key: EncryptionKey, next: PoolIntelligence): Promise<void> {
  const { client, pool, randomBytes, tell } = powers
  const plaintext = intelligenceBytes(next)
  const description = describeIntelligence(plaintext.length + containerOverheadBytes)
  const containerKey = randomBytes(containerKeyBytes)
  const container = sealContainer({
    chainId: pool.chainId,
    contract: pool.token,
    description,
    plaintext,
    key: containerKey,
    nonce: randomBytes(12),
  })
  const sealedKey = bytesToHex(sealTo(key.publicKey, containerKey, sealingEntropy(powers)))
  tell('signing-in')
  const access = await powers.access()
  tell('storing')
  const stored = await client.store(container, access)
  // Read back: a version whose bytes are not there would take the pool's intelligence from its owner.
  await client.blob(stored)
  await submit(powers, callsOf(powers).write({ description, root: stored.root as Hex, sealedKey }))
}

export interface Offer {
  /** As it was typed. */
  readonly to: string
  /** The receiver gets a token of its own, and the owner keeps this one. */
  readonly isClone: boolean
}

/**
 * Hands the oracle the containers' keys, sealed to it; it encrypts anew for the receiver. Moves nothing yet. @throws chain_wrong where the
 * oracle is none of the token's.
 */
export async function offer(
  powers: ActPowers,
  { to: toText, isClone }: Offer,
  { secret }: EncryptionKey,
): Promise<void> {
  const { client, pool, token, chain, tell } = powers
  const to = addressOf(toText)
  // Who gets these keys can read all: the pool's word for its oracle is not enough.
  await chain.requireOracle(pool)
  const keysForOracle = token.entries.map(({ sealedKey }) =>
    bytesToHex(sealTo(pool.oracle.encryptionKey, unseal(hexToBytes(sealedKey), secret), sealingEntropy(powers))),
  )
  tell('signing-in')
  const access = await powers.access()
  tell('preparing')
  await client.prepare({ tokenId: token.tokenId, to, isClone, keysForOracle }, access)
}

/** Before the seller's wallet is asked for anything. @throws input_invalid where the receiver published no key, or owns the token. */
export async function checkReceiver(
  { chain, token }: Pick<ActPowers, 'chain' | 'token'>,
  toText: string,
): Promise<void> {
  const to = addressOf(toText)
  if (isSame(to, token.owner)) {
    throw inputInvalid('This address owns the token already.', 'Enter the receiver’s address.', 'to')
  }
  if ((await chain.encryptionKeyOf(to)) !== '0x') return
  const remedy = 'Ask the receiver to open this page with that wallet and publish its key first.'
  throw inputInvalid('This address has published no encryption key: nothing can be sealed to it.', remedy, 'to')
}

/** Fetches and opens what the oracle made, and only then signs that it is there. What it says comes back. */
export async function accept(
  powers: ActPowers,
  transfer: TransferView,
  { secret, publicKey }: EncryptionKey,
): Promise<PoolIntelligence | null> {
  const { client, pool, token, wallet, randomBytes, tell } = powers
  const { tokenId, from, to, isClone, entries } = transfer
  const isForUs = tokenId === token.tokenId && isSame(to, wallet.address) && isSame(from, token.owner)
  const isWhole =
    entries.length === token.entries.length &&
    entries.every(({ ownershipProof: { oldDataHash } }, at) => isSame(oldDataHash, token.entries[at]!.root))
  if (!isForUs || !isWhole) {
    const remedy = 'Refresh this page; the owner can have it prepared again.'
    throw inputInvalid(
      'This transfer is not about what the token holds now, or not for this wallet.',
      remedy,
      'transfer',
    )
  }
  tell('opening')
  let opened: PoolIntelligence | null = null
  const hashes: { oldDataHash: Hex; newDataHash: Hex }[] = []
  for (const [at, { blob, ownershipProof }] of entries.entries()) {
    // A transfer leaves it as it is, so it is not what the transfer says of it.
    const { description } = token.entries[at]!
    const { oldDataHash, newDataHash, sealedKey, encryptedPubKey } = ownershipProof
    if (!isSame(encryptedPubKey, publicKey) || !isSame(newDataHash, blob.root)) {
      const remedy = 'Have it prepared again, for the key that this wallet published.'
      throw inputInvalid('The oracle prepared this transfer for another key.', remedy, 'transfer')
    }
    if (describedSize(description) !== blob.sizeBytes) {
      const remedy = 'Do not go on; ask the owner to have it prepared again.'
      throw inputInvalid('The oracle’s container is not as long as the token says.', remedy, 'transfer')
    }
    // Each of them: what was not opened is not signed for.
    const says = await openEntry(powers, description, blob, unseal(hexToBytes(sealedKey), secret))
    opened ??= says
    hashes.push({ oldDataHash, newDataHash })
  }
  // The contract takes an empty key for that of the receiver's own address.
  const isOwnKey = isSame(`0x${keccak256(publicKey).slice(-40)}`, to)
  const place = { chainId: pool.chainId, verifier: pool.verifier }
  const deadline = BigInt(transfer.deadline)
  const accessProofs = []
  for (const asked of hashes) {
    const salt = bytesToHex(randomBytes(32))
    const context: ProofContext = { salt, deadline, tokenId: BigInt(tokenId), from, to, isClone }
    const data = { ...asked, encryptedPubKey: isOwnKey ? ('0x' as const) : encryptionKeyOf(secret) }
    tell('signing')
    const proof = await wallet.signTypedData(accessTypedData(place, pool.token, context, data))
    accessProofs.push({ ...data, nonce: proofNonce(context), proof })
  }
  tell('signing-in')
  const access = await powers.access()
  tell('storing')
  await client.accept(transfer.id, { accessProofs }, access)
  return opened
}

export const handOver = (powers: ActPowers, transfer: TransferView) =>
  submit(powers, callsOf(powers).handOver(transfer))

/** A dry run first: a refusal then has a name, and no wallet is bothered. */
async function submit({ chain, wallet, tell }: ActPowers, call: ContractCall): Promise<void> {
  tell('checking')
  await chain.check(wallet.address, call)
  tell('asked')
  const hash = await wallet.send(call)
  tell('sent', hash)
  await chain.confirm(hash)
}

async function openEntry(
  { client, pool }: ActPowers,
  description: string,
  blob: { readonly root: string; readonly sizeBytes: number },
  key: Uint8Array,
): Promise<PoolIntelligence> {
  const container = await client.blob(blob)
  const place = { chainId: pool.chainId, contract: pool.token, description }
  return parseIntelligence(openContainer(container, key, place))
}

const callsOf = ({ pool, token }: ActPowers) => tokenCalls(pool.token, token.tokenId)
const sealingEntropy = ({ randomBytes }: ActPowers): SealingEntropy => ({
  ephemeralSecret: randomBytes(32),
  nonce: randomBytes(16),
})
const isSame = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase()

function addressOf(text: string): Hex {
  const trimmed = text.trim()
  if (!/^0x[0-9a-fA-F]{40}$/.test(trimmed) || /^0x0{40}$/.test(trimmed)) {
    throw inputInvalid('That is no address.', 'Paste an address of 0x and 40 hexadecimal digits.', 'address')
  }
  if (isAddress(trimmed)) return getAddress(trimmed)
  const remedy = 'Copy it again from where it came.'
  throw inputInvalid('That address was mistyped: its capital letters do not fit its digits.', remedy, 'address')
}

const inputInvalid = (message: string, remedy: string, param: string) =>
  new ComputePoolError('input_invalid', message, { remedy, context: { param } })
