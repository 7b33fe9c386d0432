/**
 * The token of the pool that runs here, minted once: what is to be minted, and each signed transaction, lie in the data folder before they
 * are sent, so that a kill at any moment mints no second one. Where the settings changed and the owner still holds it, a new version.
 */
import { createHash } from 'node:crypto'
import { poolInftAbi } from '@computepool/contracts/abi'
import { ComputePoolError } from '@computepool/shared/errors'
import { intelligenceBytes, type PoolIntelligence, walletKey, walletKeyMessage } from '@computepool/shared/inft'
import type { BlobStore, Clock } from '@computepool/shared/ports'
import { encodeFunctionData, type Hex, isAddressEqual, type LocalAccount, type PublicClient } from 'viem'
import { z } from 'zod'
import type { SignerQueue } from '../chain/signer-queue.ts'
import { type InftPlace, readInft } from './inft-reader.ts'
import type { KeptFile } from './kept-file.ts'
import { findMint, mintedBy } from './read-history.ts'
import { storeIntelligence } from './store-intelligence.ts'

const hex = z
  .string()
  .regex(/^0x[0-9a-f]*$/)
  .transform(value => value as Hex)
const versionSchema = z.strictObject({
  description: z.string(),
  root: hex,
  sealedKey: hex,
  /** Of the plaintext: tells whether the settings are others by now. */
  sha256: z.string(),
})
const rowSchema = z.strictObject({
  chainId: z.int(),
  token: z.string(),
  model: z.string(),
  /** What is to be minted, or was; and what we wrote since, or were to write. */
  versions: z.array(versionSchema).min(1).max(20),
  /**
   * Every version of the minting transaction that was ever signed, kept for good: what the pool's token is, is what one of them minted.
   * Empty beside a token's id in what older orchestrators wrote.
   */
  signed: z.array(z.strictObject({ hash: hex, nonce: z.int(), raw: hex })),
  tokenId: z.string().nullable(),
})
export const poolTokensSchema = z.array(rowSchema).max(1000)
export type PoolTokens = z.output<typeof poolTokensSchema>
type Row = PoolTokens[number]
type Version = Row['versions'][number]

export interface MintOptions {
  readonly client: PublicClient
  readonly place: InftPlace
  /** The block from which on the contract's logs are. */
  readonly fromBlock: bigint
  readonly store: BlobStore
  readonly owner: LocalAccount
  /** The owner's transactions. */
  readonly sender: SignerQueue
  readonly clock: Clock
  readonly kept: KeptFile<PoolTokens>
  readonly intelligence: PoolIntelligence
  readonly signal: AbortSignal
  readonly onNotice: (text: string) => void
}

/** The pool's token, found or made. Errors: the store's, `chain_*`; or the signal's reason. */
export async function mintPoolToken(options: MintOptions): Promise<bigint> {
  const { place, kept, intelligence } = options
  const of = (row: Row): boolean =>
    row.chainId === place.chainId && row.token === place.token && row.model === intelligence.model.id
  const keep = (row: Row) => kept.set([...kept.value.filter(each => !of(each)), row])
  const left = kept.value.find(of)
  const known = left === undefined ? null : await tokenOf(options, left, keep)
  if (known !== null) return known
  // Never signed, or the chain was rolled back to before it: then what storage kept of it may be gone as well.
  const version = await seal(options)
  const { chainId, token } = place
  const planned: Row = { chainId, token, model: intelligence.model.id, versions: [version], signed: [], tokenId: null }
  await keep(planned)
  const args = [options.owner.address, [dataOf(version)], [version.sealedKey]] as const
  const data = encodeFunctionData({ abi: poolInftAbi, functionName: 'mint', args })
  const signed: Row['signed'] = []
  await options.sender.submit({ to: place.token, data, valueWei: 0n, gasMultiplier: 1.3 }, async each => {
    signed.push({ hash: each.hash, nonce: each.nonce, raw: each.raw })
    await keep({ ...planned, signed: [...signed] })
  })
  const tokenId = await settled(options, signed)
  if (tokenId === null) {
    throw new ComputePoolError('chain_reverted', 'The transaction that mints the pool’s token came to nothing.', {
      remedy: 'Start again: it is sent anew.',
    })
  }
  await keep({ ...planned, signed, tokenId: String(tokenId) })
  return tokenId
}

/** Of a row that an earlier run left; null where nothing was minted by it, and nothing of it can be minted any more. */
async function tokenOf(options: MintOptions, row: Row, keep: (row: Row) => Promise<void>): Promise<bigint | null> {
  const { client, place, fromBlock, owner, sender } = options
  const [{ root }, last] = [row.versions[0]!, row.signed.at(-1)]
  const signed = [...row.signed]
  let tokenId = await mintedBy(client, place, hashesOf(signed))
  if (last === undefined && row.tokenId !== null) {
    tokenId = await findMint(client, place, fromBlock, { root, owner: owner.address })
  }
  if (tokenId === null && last !== undefined && row.tokenId === null) {
    const onSigned = async (each: Row['signed'][number]) => {
      signed.push({ hash: each.hash, nonce: each.nonce, raw: each.raw })
      await keep({ ...row, signed: [...signed] })
    }
    await sender.resubmit(last, onSigned).catch(async (thrown: unknown) => {
      // Another version of it is mined, or another transaction in its place: that is seen next.
      if ((await sender.minedNonce()) <= last.nonce) throw thrown
    })
    tokenId = await settled(options, signed)
  }
  if (tokenId === null) return null
  const found = { ...row, signed, tokenId: String(tokenId) }
  if (row.tokenId !== found.tokenId) await keep(found)
  await follow(options, found, tokenId, keep)
  return tokenId
}

/** A new version where the settings are others by now. Killed in between, the same content may be written twice. */
async function follow(options: MintOptions, row: Row, tokenId: bigint, keep: (row: Row) => Promise<void>) {
  const { client, place, owner, sender, intelligence, onNotice } = options
  const { owner: holder, entries } = await readInft(client, place, tokenId)
  const shown = row.versions.find(({ root }) => entries.length === 1 && root === entries[0]!.blob.root)
  // Before what it says: whoever else holds it decides who may use the pool.
  if (shown === undefined || !isAddressEqual(holder, owner.address)) {
    onNotice(`Token ${tokenId} is ${holder}’s to change, and may tell other settings than this pool runs with.`)
    return
  }
  if (shown.sha256 === digestOf(intelligence)) return
  const next = await seal(options)
  await keep({ ...row, versions: [row.versions[0]!, ...row.versions.slice(1).slice(-18), next] })
  const args = [tokenId, [dataOf(next)], [next.sealedKey]] as const
  const data = encodeFunctionData({ abi: poolInftAbi, functionName: 'update', args })
  await sender.execute({ to: place.token, data })
}

const dataOf = ({ description, root }: Version) => ({ dataDescription: description, dataHash: root })
const digestOf = (intelligence: PoolIntelligence): string =>
  createHash('sha256').update(intelligenceBytes(intelligence)).digest('hex')

/** Sealed to the key that the owner's wallet derives, so that a browser with the same account opens it. */
async function seal({ store, place, owner, intelligence, signal }: MintOptions): Promise<Version> {
  const of = { chainId: place.chainId, contract: place.token, account: owner.address }
  const { publicKey } = walletKey(of, await owner.signMessage({ message: walletKeyMessage(of) }))
  const { description, blob, sealedKey } = await storeIntelligence(store, place, { intelligence, publicKey }, signal)
  return { description, root: blob.root, sealedKey, sha256: digestOf(intelligence) }
}

const hashesOf = (signed: Row['signed']): Hex[] => signed.map(({ hash }) => hash)

/** Waits until the transaction is mined in one of its versions, which may become more meanwhile, or can never be. */
async function settled({ client, place, sender, clock, signal }: MintOptions, signed: Row['signed']) {
  const nonce = signed.at(-1)!.nonce
  for (let missed = 0; missed < 2; ) {
    signal.throwIfAborted()
    // In this order: one that is mined in between is found the next time.
    if ((await sender.minedNonce()) > nonce) missed++
    const tokenId = await mintedBy(client, place, hashesOf(signed))
    if (tokenId !== null) return tokenId
    await new Promise<void>(resolve => void clock.schedule(200, resolve))
  }
  return null
}
