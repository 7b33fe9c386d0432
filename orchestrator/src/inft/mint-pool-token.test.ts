/** The pool's token is minted once, wherever the process that mints it is killed: one walk for each moment, on a real chain. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { poolInftAbi } from '@computepool/contracts/abi'
import { artifactOf } from '@computepool/contracts/build'
import { embeddedChain } from '@computepool/contracts/chain'
import {
  clientsFor,
  type SpawnedAnvil,
  spawnAnvil,
  type TestClients,
  testAccount,
} from '@computepool/contracts/testing'
import type { PoolIntelligence } from '@computepool/shared/inft'
import type { Clock, StoredBlob } from '@computepool/shared/ports'
import { fileRootOf } from '@computepool/shared/storage0g'
import {
  type Address,
  createPublicClient,
  custom,
  encodeAbiParameters,
  type Hex,
  keccak256,
  type PublicClient,
  pad,
  parseEther,
  parseTransaction,
} from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createSignerQueue } from '../chain/signer-queue.ts'
import type { SignerStore, StoredTransaction } from '../chain/signer-store.ts'
import { hostClock } from '../host.ts'
import type { InftPlace } from './inft-reader.ts'
import { openKeptFile } from './kept-file.ts'
import { mintPoolToken, poolTokensSchema } from './mint-pool-token.ts'

const owner = testAccount('mint owner')
const stranger = testAccount('mint stranger')
/** Waits shortly: the chain mines at once. */
const clock: Clock = { ...hostClock, schedule: (ms, run) => hostClock.schedule(Math.min(ms, 5), run) }

let anvil: SpawnedAnvil
let clients: TestClients
let place: InftPlace
let folder: string
beforeAll(async () => {
  ;[anvil, folder] = await Promise.all([spawnAnvil(), mkdtemp(join(tmpdir(), 'computepool-mint-'))])
  clients = clientsFor(embeddedChain(anvil.url), anvil.url)
  for (const { address } of [owner, stranger])
    await clients.testClient.setBalance({ address, value: parseEther('100') })
  const verifier = await deploy('TeeDataVerifier', [owner.address, true])
  place = { chainId: 31337, verifier, token: await deploy('PoolINFT', [verifier]) }
}, 240_000)
afterAll(async () => {
  await anvil?.close()
  await rm(folder, { recursive: true })
})

async function deploy(name: string, args: readonly unknown[]): Promise<Address> {
  const { abi, bytecode } = await artifactOf(name)
  const hash = await clients.wallet(owner).deployContract({ abi, bytecode, args })
  return (await clients.publicClient.waitForTransactionReceipt({ hash })).contractAddress!
}
const tokenCount = () =>
  clients.publicClient.readContract({ address: place.token, abi: poolInftAbi, functionName: 'tokenCount' })
const versionOf = (tokenId: bigint) =>
  clients.publicClient.readContract({
    address: place.token,
    abi: poolInftAbi,
    functionName: 'versionOf',
    args: [tokenId],
  })

/** Anybody may mint anything, and roots are known before and after they are minted. */
async function copy(root: Hex, to: Address = stranger.address): Promise<void> {
  const data = [{ dataDescription: 'copy', dataHash: root }]
  const args = [to, data, ['0x01']] as const
  const hash = await clients.wallet(stranger).writeContract({
    ...{ address: place.token, abi: poolInftAbi, functionName: 'mint', args },
  })
  await clients.publicClient.waitForTransactionReceipt({ hash })
}
const keptOf = (model: string) => openKeptFile(join(folder, `${model}.json`), poolTokensSchema, [])

/** What the owner's queue keeps in its database, over restarts. */
function memoryStore(): SignerStore {
  const rows = new Map<string, StoredTransaction & { isSettled: boolean }>()
  const where = (keep: (row: { isSettled: boolean; nonce: number }) => boolean) => [...rows.values()].filter(keep)
  return {
    add: async row => void (rows.has(row.hash) || rows.set(row.hash, { ...row, isSettled: false })),
    remove: async hash => void rows.delete(hash),
    settle: async hash => void Object.assign(rows.get(hash)!, { isSettled: true }),
    unmined: async () => where(({ isSettled }) => !isSettled),
    versions: async (_chainId, _address, nonce) => where(row => row.nonce === nonce),
  }
}

/** One process: `at` is called at each moment at which it could be killed, and throws where it is. */
async function run(
  model: string,
  systemPrompt: string,
  store: SignerStore,
  at: () => void,
  onNotice: (text: string) => void = () => {},
): Promise<bigint> {
  const dying = async <T>(work: () => Promise<T>): Promise<T> => {
    at()
    const result = await work()
    at()
    return result
  }
  const request = (body: { method: string }) =>
    body.method === 'eth_sendRawTransaction'
      ? dying(() => clients.publicClient.request(body as never))
      : clients.publicClient.request(body as never)
  const client = createPublicClient({
    chain: clients.chain,
    transport: custom({ request }, { retryCount: 0 }),
    cacheTime: 0,
  }) as PublicClient
  const file = await openKeptFile(join(folder, `${model}.json`), poolTokensSchema, [])
  const kept = {
    get value() {
      return file.value
    },
    set: (next: typeof file.value) => dying(() => file.set(next)),
  }
  const sender = createSignerQueue({ client, account: owner, chainId: 31337, store, clock, pollMs: 5 })
  const blobs = {
    put: (bytes: Uint8Array): Promise<StoredBlob> =>
      dying(async () => ({ root: fileRootOf(bytes).root, sizeBytes: bytes.length })),
    get: () => Promise.reject(new Error('Nothing is fetched.')),
  }
  const intelligence: PoolIntelligence = {
    version: 1,
    model: { id: model, manifestSha256: 'ab'.repeat(32), layers: 4 },
    spans: [],
    systemPrompt,
    policy: { pricePerSecondAtomic: '500', stakeAtomic: '0', checkRate: 0.61 },
  }
  try {
    return await mintPoolToken({
      ...{ client, place, fromBlock: 0n, store: blobs, owner, sender, clock, kept, intelligence },
      signal: new AbortController().signal,
      onNotice,
    })
  } finally {
    await sender.close()
  }
}

it('is minted once, wherever it is killed and whoever copies it then, and once more for none', {
  timeout: 120_000,
}, async () => {
  let kills = 0
  for (let moment = 1; ; moment++) {
    const store = memoryStore()
    const model = `model-${moment}`
    const before = await tokenCount()
    let passed = 0
    await run(model, '', store, () => {
      if (++passed === moment) throw new Error('killed')
    }).catch(() => {})
    const isMinted = (await tokenCount()) > before
    const planned = (await keptOf(model)).value[0]
    if (planned !== undefined) await copy(planned.versions[0]!.root)
    const copies = planned === undefined ? 0n : 1n
    const tokenId = await run(model, '', store, () => {})
    const own = before + 1n + (isMinted ? 0n : copies)
    expect([moment, await tokenCount(), tokenId]).toEqual([moment, before + 1n + copies, own])
    if (passed < moment) break
    kills++
  }
  // Before and after the upload, the plan, the signature’s record, the sending, and the end.
  expect(kills).toBe(10)
})

it('follows what the pool runs with by a new version, and writes none where nothing changed', async () => {
  const store = memoryStore()
  const tokenId = await run('following', 'First.', store, () => {})
  expect([await run('following', 'First.', store, () => {}), await versionOf(tokenId)]).toEqual([tokenId, 1n])
  expect([await run('following', 'Second.', store, () => {}), await versionOf(tokenId)]).toEqual([tokenId, 2n])
  expect([await run('following', 'Second.', store, () => {}), await versionOf(tokenId)]).toEqual([tokenId, 2n])
})

it('is known where an older orchestrator forgot what it had signed, and took a copy for it', async () => {
  const store = memoryStore()
  // The signature is recorded then, and nothing sent: a stranger comes first.
  let passed = 0
  const killed = run('forgotten', '', store, () => {
    if (++passed === 7) throw new Error('killed')
  })
  await expect(killed).rejects.toThrow('killed')
  const { root } = (await keptOf('forgotten')).value[0]!.versions[0]!
  await copy(root)
  const tokenId = await run('forgotten', '', store, () => {})
  await copy(root, owner.address)
  const kept = await keptOf('forgotten')
  const notices: string[] = []
  for (const wrong of [tokenId - 1n, tokenId, tokenId + 1n]) {
    await kept.set(kept.value.map(row => ({ ...row, signed: [], tokenId: String(wrong) })))
    expect([
      await run(
        'forgotten',
        '',
        store,
        () => {},
        text => notices.push(text),
      ),
      notices,
    ]).toEqual([tokenId, []])
  }
})

it('is found by another version of its transaction, which was mined while nobody looked', async () => {
  const store = memoryStore()
  const before = await tokenCount()
  // Before the upload, after it, before the plan, after it, before the signature’s record, after it: then it would be sent.
  let passed = 0
  const killed = run('repriced', '', store, () => {
    if (++passed === 7) throw new Error('killed')
  })
  await expect(killed).rejects.toThrow('killed')
  const { hash, nonce, raw } = (await keptOf('repriced')).value[0]!.signed[0]!
  const { to, data, gas, maxFeePerGas } = parseTransaction(raw)
  const priced = { chainId: 31337, nonce, to: to!, data: data!, gas: gas!, maxFeePerGas: maxFeePerGas! * 2n }
  const other = await owner.signTransaction({ ...priced, type: 'eip1559' })
  const of = { chainId: 31337, address: owner.address, recipient: place.token, createdAtMs: 0 }
  await store.add({ hash: keccak256(other), nonce, raw: other, ...of })
  await clients.publicClient.sendRawTransaction({ serializedTransaction: other })
  expect(await tokenCount()).toBe(before + 1n)
  expect([await run('repriced', '', store, () => {}), await tokenCount()]).toEqual([before + 1n, before + 1n])
  const hashes = (await keptOf('repriced')).value[0]!.signed.map(each => each.hash)
  expect(hashes).toEqual([hash, keccak256(other)])
})

it('says whose the token is that it runs under, also where that tells the same settings', async () => {
  const store = memoryStore()
  const tokenId = await run('given away', '', store, () => {})
  // OpenZeppelin's third slot: who owns what. A transfer would change the root as well.
  const word = { type: 'uint256' } as const
  const index = keccak256(encodeAbiParameters([word, word], [tokenId, 2n]))
  const notices: string[] = []
  await clients.testClient.setStorageAt({ address: place.token, index, value: pad(stranger.address) })
  await run(
    'given away',
    '',
    store,
    () => {},
    text => notices.push(text),
  )
  expect(notices).toEqual([expect.stringContaining(`Token ${tokenId} is ${stranger.address}’s to change`)])
})
