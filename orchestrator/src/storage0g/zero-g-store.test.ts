/** 0G’s own SDK, unmodified, against the stand-in on a real chain: what comes back is what was stored, and every fault has a name in time. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { storageFlowAbi } from '@computepool/contracts/abi'
import { artifactOf } from '@computepool/contracts/build'
import { embeddedChain } from '@computepool/contracts/chain'
import {
  clientsFor,
  type SpawnedAnvil,
  spawnAnvil,
  type TestClients,
  testAccount,
} from '@computepool/contracts/testing'
import type { BlobStore, StoredBlob } from '@computepool/shared/ports'
import { fileRootOf } from '@computepool/shared/storage0g'
import { type Address, type Hex, keccak256, parseEther, stringToHex, toEventSelector, toFunctionSelector } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  createMemorySubmissions,
  openStorageNetwork,
  openStorageStandIn,
  type StandInFaults,
  type StorageStandIn,
  type Submission,
} from './index.ts'
import { createSdkThreads } from './sdk-thread.ts'
import { createZeroGStore, type ZeroGStoreOptions } from './zero-g-store.ts'

const deployer = testAccount('storage flow deployer')
const keyOf = (name: string): Hex => keccak256(stringToHex(`computepool test key: ${name}`))
const payerKey = keyOf('storage payer')
/** One each where uploads are to go on at the same time. */
const payers = ['storage payer', 'storage payer 1', 'storage payer 2', 'storage payer 3']
const poorKey = keccak256(stringToHex('computepool test key: storage pauper'))

const faults: StandInFaults = {}
let anvil: SpawnedAnvil
let clients: TestClients
let flow: Address
let standIn: StorageStandIn
let folder: string
/** One that is stored, for whoever only reads. */
const bytes = Uint8Array.from({ length: 300_000 }, (_, at) => (31 * at + 20) & 255)
let blob: StoredBlob
/** For all who need no other. */
let usual: BlobStore
beforeAll(async () => {
  anvil = await spawnAnvil()
  clients = clientsFor(embeddedChain(anvil.url), anvil.url)
  for (const { address } of [deployer, ...payers.map(testAccount)]) {
    await clients.testClient.setBalance({ address, value: parseEther('1000') })
  }
  flow = await deployFlow()
  folder = await mkdtemp(path.join(tmpdir(), 'computepool-storage-'))
  standIn = await openStorageStandIn({ rpcUrl: anvil.url, flow, folder, faults })
  usual = storeWith({})
  blob = await usual.put(bytes)
}, 240_000)
afterEach(() => {
  for (const fault of Object.keys(faults) as (keyof StandInFaults)[]) delete faults[fault]
})
afterAll(async () => {
  threads.close()
  await standIn?.close()
  await anvil?.close()
  if (folder) await rm(folder, { recursive: true })
})

const deployFlow = async (): Promise<Address> => {
  const { abi, bytecode } = await artifactOf('StorageFlow', ['src/chain'])
  const hash = await clients.wallet(deployer).deployContract({ abi, bytecode })
  return (await clients.publicClient.waitForTransactionReceipt({ hash })).contractAddress!
}
const threads = createSdkThreads()
const storeWith = (options: Partial<ZeroGStoreOptions>) =>
  createZeroGStore({
    indexerUrl: standIn.url,
    rpcUrl: anvil.url,
    privateKey: payerKey,
    pollMs: 20,
    flow,
    threads,
    ...options,
  })
const bytesOf = (length: number, seed = 7): Uint8Array => Uint8Array.from({ length }, (_, at) => (31 * at + seed) & 255)
/** As a bool: to compare 300,000 entries one by one takes seconds. */
const isBytes = (given: Uint8Array | ArrayBuffer, expected: Uint8Array): boolean =>
  Buffer.from(given as Uint8Array).equals(expected)
const submissions = () =>
  clients.publicClient.readContract({ address: flow, abi: storageFlowAbi, functionName: 'numSubmissions' })
const failure = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (thrown: { code?: string }) => thrown.code ?? String(thrown),
  )

it('speaks of 0G’s contract by its selectors', () => {
  const named = (name: string) => storageFlowAbi.find(item => 'name' in item && item.name === name)! as never
  expect(toFunctionSelector(named('submit'))).toBe('0xbc8c11f8')
  expect(toFunctionSelector(named('market'))).toBe('0x80f55605')
  expect(toEventSelector(named('Submit'))).toBe('0x167ce04d2aa1981994d3a31695da0d785373335b1078cec239a1a3a2c7675555')
})

describe('a blob', () => {
  it('of 1 byte, of 300 kB and of 6 MB comes back as it was stored', { timeout: 120_000 }, async () => {
    const round = async (length: number, at: number) => {
      const bytes = bytesOf(length)
      const blob = await storeWith({ privateKey: keyOf(payers[at + 1]!) }).put(bytes)
      expect(blob).toEqual({ root: fileRootOf(bytes).root, sizeBytes: length })
      return isBytes(await usual.get(blob), bytes)
    }
    expect(await Promise.all([1, 300_000, 6_000_000].map(round))).toEqual([true, true, true])
  })

  it('is stored and paid for once, and waits for its turn at the key', async () => {
    const before = await submissions()
    const store = usual
    const [one, other] = [bytesOf(1000, 8), bytesOf(900, 9)]
    const [first, second, third] = await Promise.all([store.put(one), store.put(one.slice()), store.put(other)])
    expect(second).toEqual(first)
    expect(await storeWith({}).put(one)).toEqual(first)
    expect(await Promise.all([store.get(first), store.get(third)])).toEqual([one, other])
    expect(await submissions()).toBe(before + 2n)
  })

  it('is not nothing', async () => {
    expect(await failure(usual.put(new Uint8Array()))).toBe('input_invalid')
  })

  it('needs somebody who pays', async () => {
    expect(await failure(storeWith({ privateKey: poorKey }).put(bytesOf(500, 11)))).toBe('chain_underfunded')
  })

  it('is not paid for where that cannot be written down', async () => {
    const before = await submissions()
    const full = {
      ...createMemorySubmissions(),
      set: () => Promise.reject(new Error('No space left on the disk.')),
    }
    const put = storeWith({ submissions: full }).put(bytesOf(500, 12))
    await expect(put).rejects.toMatchObject({ code: 'artifact_store_failed', message: expect.stringContaining('disk') })
    expect(await submissions()).toBe(before)
  })

  it('is paid for at no contract but the known one, whatever a node says', async () => {
    const node = await openStorageStandIn({ rpcUrl: anvil.url, flow: await deployFlow() })
    const count = () => clients.publicClient.getTransactionCount({ address: testAccount('storage payer').address })
    const before = await count()
    const put = storeWith({ indexerUrl: node.url }).put(bytesOf(500, 13))
    await expect(put).rejects.toMatchObject({ code: 'artifact_store_failed', message: expect.stringContaining(flow) })
    const network = openStorageNetwork({ indexerUrl: node.url, rpcUrl: anvil.url, flow })
    await expect(network.costOf([500])).rejects.toMatchObject({ message: expect.stringContaining(flow) })
    expect(await count()).toBe(before)
    await node.close()
  })

  it('is paid for with no more than was allowed', async () => {
    const [before, bytes] = [await submissions(), bytesOf(500, 14)]
    const price = 34_570_000_000n
    const put = storeWith({ mostWeiPerSector: price - 1n }).put(bytes)
    await expect(put).rejects.toMatchObject({ message: expect.stringContaining(`${2n * price} wei are asked`) })
    expect(await submissions()).toBe(before)
    await storeWith({ mostWeiPerSector: price }).put(bytes)
    expect(await submissions()).toBe(before + 1n)
  })

  it('outlives the stand-in where that has a folder', async () => {
    const again = await openStorageStandIn({ rpcUrl: anvil.url, flow, folder })
    const empty = await openStorageStandIn({ rpcUrl: anvil.url, flow })
    expect(isBytes(await storeWith({ indexerUrl: again.url }).get(blob), bytes)).toBe(true)
    expect(await failure(storeWith({ indexerUrl: empty.url }).get(blob))).toBe('artifact_fetch_failed')
    await Promise.all([again.close(), empty.close()])
  })
})

describe('a fault', () => {
  it.each([
    ['changesBytes', 'artifact_digest_mismatch'],
    ['cutsSegments', 'artifact_digest_mismatch'],
    ['saysShorter', 'artifact_digest_mismatch'],
    ['knowsNoLocation', 'artifact_fetch_failed'],
    ['neverSyncs', 'artifact_fetch_failed'],
  ] as const)('of a node that %s is an error of its own while fetching', async (fault, code) => {
    faults[fault] = true
    expect(await failure(usual.get(blob))).toBe(code)
    delete faults[fault]
    expect(await failure(usual.get(blob))).toBe('done')
  })

  it('of a node that never answers ends with the time that was given', async () => {
    faults.isSilent = true
    expect(await failure(storeWith({ getTimeoutMs: 300 }).get(blob))).toBe('artifact_fetch_failed')
    expect(await failure(storeWith({ putTimeoutMs: 300 }).put(bytesOf(100, 21)))).toBe('artifact_store_failed')
  })

  it('in what is asked for is told from one in what came', async () => {
    expect(await failure(usual.get({ ...blob, sizeBytes: blob.sizeBytes - 1 }))).toBe('artifact_digest_mismatch')
    expect(await failure(usual.get({ ...blob, root: `0x${'11'.repeat(32)}` }))).toBe('artifact_fetch_failed')
  })

  it('of a node that never syncs or never ends ends the upload, and the next one pays nothing twice', async () => {
    const upload = async (fault: keyof StandInFaults, at: number) => {
      const own: StandInFaults = { [fault]: true }
      const node = await openStorageStandIn({ rpcUrl: anvil.url, flow, faults: own })
      const bytes = bytesOf(2_000, 30 + at)
      const memory = createMemorySubmissions()
      let wasSubmitted = () => {}
      const submitted = new Promise<void>(resolve => {
        wasSubmitted = resolve
      })
      const book = { ...memory, set: (root: Hex, given: Submission) => memory.set(root, given).then(wasSubmitted) }
      const choice = { indexerUrl: node.url, privateKey: keyOf(payers[at]!), submissions: book }
      // Late as soon as it was paid for.
      const put = storeWith({ ...choice, pause: () => submitted }).put(bytes)
      const refusal = await put.catch((thrown: unknown) => thrown)
      expect(refusal).toMatchObject({ code: 'artifact_store_failed', context: { sizeBytes: 2_000 } })
      delete own[fault]
      const stored = await storeWith(choice).put(bytes)
      expect(await storeWith({ indexerUrl: node.url }).get(stored)).toEqual(bytes)
      await node.close()
    }
    const before = await submissions()
    await Promise.all([upload('neverSyncs', 1), upload('neverFinalizes', 2)])
    expect((await submissions()) - before).toBe(2n)
  })

  it('of an RPC that has not heard of a payment yet does not let it be made twice', async () => {
    const own: StandInFaults = { neverSyncs: true }
    const node = await openStorageStandIn({ rpcUrl: anvil.url, flow, faults: own })
    let looks = 0
    const lagging = await openLaggingRpc(anvil.url, () => {
      looks += 1
      if (looks === 20) delete own.neverSyncs
    })
    const before = await submissions()
    const memory = createMemorySubmissions()
    let wasPaid = () => {}
    const paid = new Promise<void>(resolve => {
      wasPaid = resolve
    })
    const choice = { indexerUrl: node.url, privateKey: keyOf(payers[3]!), submissions: memory }
    const first = storeWith({
      ...choice,
      submissions: { ...memory, set: (root, given) => memory.set(root, given).then(wasPaid) },
      pause: () => paid.then(mined),
    })
    const bytes = bytesOf(2_000, 41)
    await expect(first.put(bytes)).rejects.toMatchObject({ code: 'artifact_store_failed' })
    await storeWith({ ...choice, rpcUrl: lagging.url }).put(bytes)
    expect([looks >= 20, await submissions()]).toEqual([true, before + 1n])
    await Promise.all([lagging.close(), node.close()])

    /** The transaction is sent once that it was written down is told. */
    async function mined(): Promise<void> {
      while ((await submissions()) === before) await setImmediate()
    }
  })

  it('of a payment whose number another took ends with another payment', async () => {
    const [bytes, before] = [bytesOf(600, 42), await submissions()]
    const memory = createMemorySubmissions()
    const signed = await privateKeyToAccount(payerKey).signTransaction({
      ...{ to: flow, value: 1n, nonce: 0, chainId: 31337, type: 'eip1559' },
      ...{ gas: 100_000n, maxFeePerGas: 10_000_000_000n, maxPriorityFeePerGas: 1n },
    })
    await memory.set(fileRootOf(bytes).root, { hash: keccak256(signed), signed })
    await storeWith({ submissions: memory, lostAfterMs: 0 }).put(bytes)
    expect(await submissions()).toBe(before + 1n)
  })

  it('that nobody waits for any more is over at once', async () => {
    faults.isSilent = true
    const stop = new AbortController()
    const waiting = usual.get(blob, stop.signal)
    stop.abort(new Error('no longer'))
    await expect(waiting).rejects.toThrow('no longer')
  })
})

describe('the stand-in', () => {
  const rpc = async (method: string, params: readonly unknown[]) => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
    const response = await fetch(standIn.url, { method: 'POST', body })
    return (await response.json()) as { result?: unknown; error?: { code: number; data?: string } }
  }

  it('takes no segment that its proof does not place in the file', async () => {
    const { root, sizeBytes } = blob
    const { result } = (await rpc('zgs_getFileInfo', [root, true])) as { result: { tx: { seq: number } } }
    const data = Buffer.from(bytesOf(262_144, 41)).toString('base64')
    const segment = { root, data, index: 0, proof: { lemma: [root], path: [] }, fileSize: sizeBytes }
    const other = await openStorageStandIn({ rpcUrl: anvil.url, flow })
    await fetch(other.url, { method: 'POST', body: JSON.stringify({ id: 1, method: 'zgs_getStatus' }) })
    const answer = await fetch(other.url, {
      method: 'POST',
      body: JSON.stringify({ id: 1, method: 'zgs_uploadSegmentsByTxSeq', params: [[segment], result.tx.seq] }),
    })
    expect(await answer.json()).toMatchObject({ error: { code: -32602, data: 'segment does not fit its proof' } })
    await other.close()
  })

  it('answers nonsense with an error and goes on', async () => {
    expect((await rpc('zgs_getFileInfo', ['nonsense'])).error?.code).toBe(-32602)
    expect((await rpc('constructor', [])).error?.code).toBe(-32601)
    expect((await fetch(standIn.url, { method: 'POST', body: '{' })).status).toBe(400)
    expect((await rpc('zgs_getShardConfig', [])).result).toEqual({ shardId: 0, numShard: 1 })
  })

  it('gives tabs any part of a file, from any page, and says what it is', async () => {
    const { root } = blob
    const get = (range?: string) => fetch(`${standIn.url}/file?root=${root}`, range ? { headers: { range } } : {})
    const whole = await get()
    expect([whole.status, whole.headers.get('access-control-allow-origin')]).toEqual([200, '*'])
    expect(whole.headers.get('x-computepool-storage')).toBe('stand-in')
    expect(isBytes(await whole.arrayBuffer(), bytes)).toBe(true)
    const part = await get('bytes=262000-')
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 262000-299999/300000'])
    expect(isBytes(await part.arrayBuffer(), bytes.subarray(262_000))).toBe(true)
    expect(new Uint8Array(await (await get('bytes=5-9')).arrayBuffer())).toEqual(bytes.subarray(5, 10))
    expect((await get('bytes=300000-')).status).toBe(416)
    const unknown = await fetch(`${standIn.url}/file?root=0x${'11'.repeat(32)}`)
    expect([unknown.status, await unknown.json()]).toEqual([404, { code: 101, message: 'File not found' }])
  })
})

interface Asked {
  readonly id: unknown
  readonly method: string
}

/** Forwards to `url`, but is as one that lags: it knows no single transaction, and says of each that is sent that its number is taken. */
async function openLaggingRpc(url: string, onSent: () => void): Promise<{ url: string; close(): Promise<void> }> {
  const answer = async (request: Asked): Promise<unknown> => {
    const { id, method } = request
    if (method === 'eth_getTransactionReceipt' || method === 'eth_getTransactionByHash') {
      return { jsonrpc: '2.0', id, result: null }
    }
    if (method === 'eth_sendRawTransaction') {
      onSent()
      return { jsonrpc: '2.0', id, error: { code: -32000, message: 'nonce too low' } }
    }
    const headers = { 'content-type': 'application/json' }
    return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(request) })).json()
  }
  const server = createServer(async (request, response) => {
    const asked = JSON.parse(Buffer.concat(await request.toArray()).toString()) as Asked | Asked[]
    const told = Array.isArray(asked) ? await Promise.all(asked.map(answer)) : await answer(asked)
    response.setHeader('content-type', 'application/json').end(JSON.stringify(told))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      await new Promise<void>(resolve => server.close(() => resolve()))
    },
  }
}
