/** A pool’s token from its mint to its next owner, on a real chain, through 0G’s SDK and its stand-in: who can read what, when. */
import { poolInftAbi, teeDataVerifierAbi } from '@computepool/contracts/abi'
import { deployInft } from '@computepool/contracts/deploy'
import { openTestChain, type TestChain, testAccount } from '@computepool/contracts/testing'
import { encryptionKeyOf, type PoolIntelligence, sealTo, walletKey, walletKeyMessage } from '@computepool/shared/inft'
import type { BlobStore } from '@computepool/shared/ports'
import {
  type Address,
  bytesToHex,
  type Hex,
  hexToBytes,
  keccak256,
  type PrivateKeyAccount,
  type PublicClient,
  parseEther,
  parseEventLogs,
  stringToHex,
} from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createZeroGStore, openStorageStandIn, type StandInFaults, type StorageStandIn } from '../storage0g/index.ts'
import {
  acceptTransfer,
  createTransferOracle,
  entryKey,
  type InftPlace,
  openEntry,
  openIntelligence,
  readInft,
  sealingEntropy,
  storeIntelligence,
  type TransferOracle,
} from './index.ts'

const keyOf = (name: string): Hex => keccak256(stringToHex(`computepool test key: ${name}`))
const seller = testAccount('inft seller')
const buyer = testAccount('inft buyer')
const friend = testAccount('inft friend').address
/** The seller runs a program, which has its wallet's key at hand. */
const sellerSecret = hexToBytes(keyOf('inft seller'))
const intelligence: PoolIntelligence = {
  version: 1,
  model: { id: 'story-15m', manifestSha256: 'ab'.repeat(32), layers: 6 },
  spans: [],
  systemPrompt: 'Tell stories about a hedgehog.',
  policy: { pricePerSecondAtomic: '1000', stakeAtomic: '5000000', checkRate: 0.61 },
}

const faults: StandInFaults = {}
let chain: TestChain
let standIn: StorageStandIn
let store: BlobStore
let place: InftPlace
let oracle: TransferOracle
let client: PublicClient
beforeAll(async () => {
  chain = await openTestChain({ payerAtomic: 0n })
  client = chain.publicClient as PublicClient
  const names = ['inft seller', 'inft buyer', 'inft storage']
  for (const { address } of names.map(testAccount)) {
    await chain.testClient.setBalance({ address, value: parseEther('100') })
  }
  const measurement = keccak256(stringToHex('test code'))
  const { address } = testAccount('inft oracle')
  const { manifest } = await deployInft({
    deployer: chain.deployer,
    manifest: chain.manifest,
    oracles: [{ address, measurement, attestationUri: '', isSimulated: true }],
    takesSimulated: true,
    hasStorageFlow: true,
  })
  place = { chainId: 31337, token: manifest.inft!.token, verifier: manifest.inft!.verifier }
  standIn = await openStorageStandIn({ rpcUrl: chain.url, flow: manifest.storageFlow!, faults })
  const privateKey = keyOf('inft storage')
  store = createZeroGStore({ indexerUrl: standIn.url, rpcUrl: chain.url, privateKey })
  oracle = createTransferOracle({ client, place, store, privateKey: keyOf('inft oracle') })
}, 240_000)
afterAll(async () => {
  await standIn?.close()
  await chain?.close()
})

const abi = [...poolInftAbi, ...teeDataVerifierAbi]
async function send(from: PrivateKeyAccount, functionName: string, args: readonly unknown[]) {
  const call = { address: place.token, abi, functionName, args } as never
  const hash = await chain.wallet(from).writeContract(call)
  return client.waitForTransactionReceipt({ hash })
}
const isAuthorized = (tokenId: bigint, user: Address) =>
  client.readContract({
    address: place.token,
    abi: poolInftAbi,
    functionName: 'isAuthorized',
    args: [tokenId, user],
  })

async function mint(): Promise<bigint> {
  const publicKey = encryptionKeyOf(sellerSecret)
  const { description, blob, sealedKey } = await storeIntelligence(store, place, { intelligence, publicKey })
  const entry = { dataDescription: description, dataHash: blob.root }
  const { logs } = await send(seller, 'mint', [seller.address, [entry], [sealedKey]])
  return parseEventLogs({ abi: poolInftAbi, logs, eventName: 'Minted' })[0]!.args.tokenId
}
/** What the seller hands to the oracle: each container's key, sealed to it. */
const handOver = async (tokenId: bigint) =>
  (await readInft(client, place, tokenId)).entries.map(entry =>
    bytesToHex(sealTo(oracle.encryptionKey, entryKey(entry, sellerSecret), sealingEntropy())),
  )
const walletKeyOf = async (account: PrivateKeyAccount) => {
  const of = { chainId: place.chainId, contract: place.token, account: account.address }
  return walletKey(of, await account.signMessage({ message: walletKeyMessage(of) }))
}

it('goes to its next owner, who reads it with a wallet’s signature; the old key opens nothing new', {
  timeout: 120_000,
}, async () => {
  const tokenId = await mint()
  const before = await readInft(client, place, tokenId)
  expect(await openIntelligence(store, place, before.entries[0]!, sellerSecret)).toEqual(intelligence)
  await send(seller, 'authorizeUsage', [tokenId, friend])
  expect(await isAuthorized(tokenId, friend)).toBe(true)
  await send(seller, 'revokeAuthorization', [tokenId, friend])
  expect(await isAuthorized(tokenId, friend)).toBe(false)
  await send(seller, 'authorizeUsage', [tokenId, friend])

  const { secret, publicKey } = await walletKeyOf(buyer)
  expect((await walletKeyOf(buyer)).publicKey).toBe(publicKey)
  await send(buyer, 'publishEncryptionKey', [publicKey])
  const keysForOracle = await handOver(tokenId)
  const request = { tokenId, to: buyer.address, isClone: false, publicKey, keysForOracle }
  const prepared = await oracle.prepare(request)
  const deadline = (await chain.now()) + 3_600n
  const proofs = await acceptTransfer(prepared, { place, store, account: buyer, secret, deadline })
  await send(seller, 'iTransfer', [buyer.address, tokenId, proofs])

  const after = await readInft(client, place, tokenId)
  expect([after.owner, after.version]).toEqual([buyer.address, 2n])
  expect(await openIntelligence(store, place, after.entries[0]!, secret)).toEqual(intelligence)
  expect([await isAuthorized(tokenId, friend), await isAuthorized(tokenId, seller.address)]).toEqual([false, false])
  // What the seller still has: its secret, and the old container's key.
  await expect(openIntelligence(store, place, after.entries[0]!, sellerSecret)).rejects.toThrow('does not open')
  const oldKey = entryKey(before.entries[0]!, sellerSecret)
  await expect(openEntry(store, place, after.entries[0]!, oldKey)).rejects.toThrow('does not open')
  // A simulated oracle's work is told as such for ever.
  const told = await client.readContract({
    address: place.verifier,
    abi: teeDataVerifierAbi,
    functionName: 'reencryptionOf',
    args: [place.token, after.entries[0]!.blob.root],
  })
  expect([told[0], told[2]]).toEqual([oracle.address, true])
})

it('is cloned for a program with its own key, and the source stays its owner’s', { timeout: 120_000 }, async () => {
  const tokenId = await mint()
  const secret = hexToBytes(keyOf('inft buyer'))
  const request = { tokenId, to: buyer.address, isClone: true, publicKey: encryptionKeyOf(secret) }
  const prepared = await oracle.prepare({ ...request, keysForOracle: await handOver(tokenId) })
  const deadline = (await chain.now()) + 3_600n
  const proofs = await acceptTransfer(prepared, { place, store, account: buyer, secret, deadline })
  expect(proofs[0]!.accessProof.encryptedPubKey).toBe('0x')
  const { logs } = await send(seller, 'iClone', [buyer.address, tokenId, proofs])
  const { newTokenId } = parseEventLogs({ abi: poolInftAbi, logs, eventName: 'Cloned' })[0]!.args
  const [source, clone] = [await readInft(client, place, tokenId), await readInft(client, place, newTokenId)]
  expect(await openIntelligence(store, place, clone.entries[0]!, secret)).toEqual(intelligence)
  expect(await openIntelligence(store, place, source.entries[0]!, sellerSecret)).toEqual(intelligence)
})

it('is not prepared with a wrong key, for its owner, or where there is none', { timeout: 120_000 }, async () => {
  const tokenId = await mint()
  const publicKey = encryptionKeyOf(sellerSecret)
  const keysForOracle = await handOver(tokenId)
  const prepare = (changes: object) =>
    oracle.prepare({ tokenId, to: buyer.address, isClone: false, publicKey, keysForOracle, ...changes })
  const wrongKey = bytesToHex(sealTo(oracle.encryptionKey, new Uint8Array(32), sealingEntropy()))
  const forOthers = bytesToHex(sealTo(publicKey, new Uint8Array(32), sealingEntropy()))
  await expect(prepare({ keysForOracle: [wrongKey] })).rejects.toMatchObject({ code: 'artifact_invalid' })
  await expect(prepare({ keysForOracle: [forOthers] })).rejects.toMatchObject({ code: 'artifact_invalid' })
  await expect(prepare({ keysForOracle: [] })).rejects.toMatchObject({ code: 'input_invalid' })
  await expect(prepare({ to: seller.address })).rejects.toMatchObject({ code: 'input_invalid' })
  await expect(prepare({ publicKey: `0x${'11'.repeat(64)}` })).rejects.toMatchObject({ code: 'input_invalid' })
  await expect(prepare({ tokenId: 999n })).rejects.toMatchObject({ code: 'input_not_found' })
})

it('is not accepted by who cannot fetch it, or was promised another key', { timeout: 120_000 }, async () => {
  const tokenId = await mint()
  const { secret, publicKey } = await walletKeyOf(buyer)
  const keysForOracle = await handOver(tokenId)
  const prepared = await oracle.prepare({ tokenId, to: buyer.address, isClone: false, publicKey, keysForOracle })
  const accept = (key: Uint8Array) =>
    acceptTransfer(prepared, { place, store, account: buyer, secret: key, deadline: 2n ** 40n })
  await expect(accept(sellerSecret)).rejects.toMatchObject({ code: 'input_invalid' })
  faults.changesBytes = true
  await expect(accept(secret)).rejects.toMatchObject({ code: 'artifact_digest_mismatch' })
  faults.changesBytes = false
  expect(await accept(secret)).toHaveLength(1)
})
