/**
 * Both sides of a transfer at their borders, on a real chain: keys that do not fit, data that do not arrive, a program with its wallet's
 * own key. The whole way over HTTP, 0G's SDK and the storage stand-in is private-pool.test.ts.
 */
import { poolInftAbi } from '@computepool/contracts/abi'
import { openTestInft, type TestInft, testAccount } from '@computepool/contracts/testing'
import { ComputePoolError } from '@computepool/shared/errors'
import { encryptionKeyOf, type PoolIntelligence, sealTo, walletKey, walletKeyMessage } from '@computepool/shared/inft'
import type { BlobStore } from '@computepool/shared/ports'
import { fileRootOf } from '@computepool/shared/storage0g'
import {
  bytesToHex,
  type Hex,
  hexToBytes,
  keccak256,
  type PrivateKeyAccount,
  type PublicClient,
  parseEventLogs,
  stringToHex,
} from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  acceptTransfer,
  createTransferOracle,
  entryKey,
  type InftPlace,
  openIntelligence,
  type PreparedTransfer,
  readInft,
  sealingEntropy,
  storeIntelligence,
  type TransferOracle,
} from './index.ts'
import { readHistory } from './read-history.ts'

const keyOf = (name: string): Hex => keccak256(stringToHex(`computepool test key: ${name}`))
const seller = testAccount('inft seller')
const buyer = testAccount('inft buyer')
/** The seller runs a program, which has its wallet's key at hand. */
const sellerSecret = hexToBytes(keyOf('inft seller'))
const intelligence: PoolIntelligence = {
  version: 1,
  model: { id: 'story-15m', manifestSha256: 'ab'.repeat(32), layers: 6 },
  spans: [],
  systemPrompt: 'Tell stories about a hedgehog.',
  policy: { pricePerSecondAtomic: '1000', stakeAtomic: '5000000', checkRate: 0.61 },
}

const kept = new Map<Hex, Uint8Array>()
let isCorrupt = false
/** Holds what comes to its root, as every store does. */
const store: BlobStore = {
  async put(bytes) {
    const { root } = fileRootOf(bytes)
    kept.set(root, bytes)
    return { root, sizeBytes: bytes.length }
  },
  async get({ root }) {
    const bytes = kept.get(root)!
    if (!isCorrupt) return bytes
    throw new ComputePoolError('artifact_digest_mismatch', 'Other bytes came.')
  },
}
let inft: TestInft
let clients: TestInft['clients']
let place: InftPlace
let oracle: TransferOracle
let client: PublicClient
beforeAll(async () => {
  inft = await openTestInft(seller, buyer)
  ;({ clients } = inft)
  client = clients.publicClient as PublicClient
  place = { chainId: 31337, verifier: inft.verifier, token: inft.token }
  oracle = createTransferOracle({ client, place, store, privateKey: keyOf('inft oracle') })
  const measurement = keccak256(stringToHex('test code'))
  await send(seller, 'setOracle', [oracle.address, measurement, '', true], place.verifier)
}, 240_000)
afterAll(() => inft?.close())

const send: TestInft['send'] = (...said) => inft.send(...said)

async function mint(entryCount = 1): Promise<bigint> {
  const publicKey = encryptionKeyOf(sellerSecret)
  const stored = () => storeIntelligence(store, place, { intelligence, publicKey })
  const entries = await Promise.all(Array.from({ length: entryCount }, stored))
  return inft.mint(
    entries.map(({ description, blob, sealedKey }) => ({
      ...{ dataDescription: description, dataHash: blob.root },
      sealedKey,
    })),
  )
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

it('is cloned for a program with its own key, and the source stays its owner’s', async () => {
  const tokenId = await mint()
  const secret = hexToBytes(keyOf('inft buyer'))
  const request = { tokenId, to: buyer.address, isClone: true, publicKey: encryptionKeyOf(secret) }
  const prepared = await oracle.prepare({ ...request, keysForOracle: await handOver(tokenId) })
  const deadline = (await client.getBlock()).timestamp + 3_600n
  const proofs = await acceptTransfer(prepared, { client, place, store, account: buyer, secret, deadline })
  expect(proofs[0]!.accessProof.encryptedPubKey).toBe('0x')
  const { logs } = await send(seller, 'iClone', [buyer.address, tokenId, proofs])
  const { newTokenId } = parseEventLogs({ abi: poolInftAbi, logs, eventName: 'Cloned' })[0]!.args
  const [source, clone] = [await readInft(client, place, tokenId), await readInft(client, place, newTokenId)]
  expect(await openIntelligence(store, place, clone.entries[0]!, secret)).toEqual(intelligence)
  expect(await openIntelligence(store, place, source.entries[0]!, sellerSecret)).toEqual(intelligence)

  const pastOf = (id: bigint) => {
    const ownOracle = testAccount('another oracle').address
    return readHistory(client, place, { fromBlock: 0n, tokenId: id, ownOracle })
  }
  const simulated = { address: oracle.address, isSimulated: true }
  expect(await pastOf(newTokenId)).toMatchObject([{ version: 1, by: 'mint', oracle: simulated }])
  // Whoever writes down a root that an oracle made has had nothing encrypted anew.
  const [entry] = clone.entries
  const data = [{ dataDescription: entry!.description, dataHash: entry!.blob.root }]
  const copied = await send(seller, 'mint', [seller.address, data, [entry!.sealedKey]])
  const { tokenId: copy } = parseEventLogs({ abi: poolInftAbi, logs: copied.logs, eventName: 'Minted' })[0]!.args
  await send(seller, 'update', [copy, data, [entry!.sealedKey]])
  expect(await pastOf(copy)).toMatchObject([
    { by: 'mint', oracle: null },
    { by: 'update', oracle: null },
  ])
})

it('is not prepared with a wrong key, for its owner, or where there is none', async () => {
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

it('is not accepted by who cannot fetch it, or was promised another key', async () => {
  const tokenId = await mint()
  const { secret, publicKey } = await walletKeyOf(buyer)
  const keysForOracle = await handOver(tokenId)
  const prepared = await oracle.prepare({ tokenId, to: buyer.address, isClone: false, publicKey, keysForOracle })
  const accept = (key: Uint8Array) =>
    acceptTransfer(prepared, { client, place, store, account: buyer, secret: key, deadline: 2n ** 40n })
  await expect(accept(sellerSecret)).rejects.toMatchObject({ code: 'input_invalid' })
  isCorrupt = true
  await expect(accept(secret)).rejects.toMatchObject({ code: 'artifact_digest_mismatch' })
  isCorrupt = false
  expect(await accept(secret)).toHaveLength(1)
})

it('is not accepted where it is about something else than the chain has, and of two not one where the other is missing', async () => {
  const { secret, publicKey } = await walletKeyOf(buyer)
  const asked = { to: buyer.address, isClone: false, publicKey }
  const tokenId = await mint(2)
  const prepared = await oracle.prepare({ ...asked, tokenId, keysForOracle: await handOver(tokenId) })
  let signed = 0
  const account: PrivateKeyAccount = {
    ...buyer,
    signTypedData: data => {
      signed++
      return buyer.signTypedData(data)
    },
  }
  const accept = (change: Partial<PreparedTransfer>, from: BlobStore = store) =>
    acceptTransfer({ ...prepared, ...change }, { client, place, store: from, account, secret, deadline: 2n ** 40n })
  const [first, second] = prepared.entries as [PreparedTransfer['entries'][number], PreparedTransfer['entries'][number]]
  const otherToken = await mint(2)
  const isShort = { ...first, blob: { ...first.blob, sizeBytes: first.blob.sizeBytes - 1 } }
  for (const change of [
    { from: buyer.address },
    { entries: [first] },
    { entries: [second, first] },
    { entries: [isShort, second] },
    { tokenId: otherToken },
  ]) {
    await expect(accept(change)).rejects.toMatchObject({ code: 'input_invalid' })
  }
  const missing: BlobStore = {
    ...store,
    get: (blob, signal) =>
      blob.root === second.blob.root
        ? Promise.reject(new ComputePoolError('input_not_found', 'Gone.'))
        : store.get(blob, signal),
  }
  await expect(accept({}, missing)).rejects.toMatchObject({ code: 'input_not_found' })
  expect(signed).toBe(0)
  // What the pool says of an entry counts for nothing.
  const renamed = prepared.entries.map(entry => ({ ...entry, description: 'any words' }))
  expect([(await accept({ entries: renamed })).length, signed]).toEqual([2, 2])
})
