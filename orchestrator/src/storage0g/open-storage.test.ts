/** A pool's storage on a chain of its own: the same contract, port and files after a start, and nothing paid twice. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { embeddedChain } from '@computepool/contracts/chain'
import { clientsFor, type SpawnedAnvil, spawnAnvil, type TestClients } from '@computepool/contracts/testing'
import { type Hex, parseEther } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStorage, openSubmissionBook, type StorageLimits, storageKeyOf } from './index.ts'

const privateKey = storageKeyOf(`0x${'07'.repeat(32)}`)
const otherKey: Hex = `0x${'08'.repeat(32)}`
const bytes = Uint8Array.from({ length: 3000 }, (_, at) => (at * 7) & 255)
let anvil: SpawnedAnvil
let clients: TestClients
let dataDir: string
const notices: string[] = []
const faults: unknown[] = []
beforeAll(async () => {
  anvil = await spawnAnvil()
  clients = clientsFor(embeddedChain(anvil.url), anvil.url)
  await clients.testClient.setBalance({ address: privateKeyToAccount(privateKey).address, value: parseEther('10') })
  dataDir = await mkdtemp(path.join(tmpdir(), 'computepool-open-storage-'))
}, 120_000)
afterAll(async () => {
  await anvil?.close()
  if (dataDir) await rm(dataDir, { recursive: true })
})

const open = (
  indexerUrl: string | null = null,
  key: Hex = privateKey,
  limits?: StorageLimits,
  folder: string = dataDir,
) =>
  openStorage({
    dataDir: folder,
    chain: { rpcUrl: anvil.url },
    indexerUrl,
    privateKey: key,
    limits,
    onNotice: text => notices.push(text),
    onFault: fault => faults.push(fault),
  })
const count = () => clients.publicClient.getTransactionCount({ address: privateKeyToAccount(privateKey).address })
const facts = async () => JSON.parse(await readFile(path.join(dataDir, 'storage', 'stand-in.json'), 'utf8')) as object

describe('storage beside a pool', { timeout: 60_000 }, () => {
  it('is a stand-in that says so, at the same place with the same files after a start', async () => {
    const first = await open()
    expect(first).toMatchObject({ kind: 'stand-in', gateway: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) })
    expect(notices.join()).toContain('stand-in')
    const blob = await first.store.put(bytes)
    // The contract, and the file.
    expect(await count()).toBe(2)
    const before = await facts()
    await first.close()
    const again = await open()
    expect(again.gateway).toBe(first.gateway)
    expect(await again.store.put(bytes)).toEqual(blob)
    expect(await again.store.get(blob)).toEqual(bytes)
    expect([await count(), await facts()]).toEqual([2, before])

    // Another program that would pay from the same key.
    await expect(open()).rejects.toMatchObject({
      code: 'chain_ledger_locked',
      message: expect.stringContaining(`process ${process.pid}`),
    })
    // The same key with another data folder, whose book would know none of these payments.
    const elsewhere = await mkdtemp(path.join(tmpdir(), 'computepool-open-storage-'))
    await expect(open(null, privateKey, undefined, elsewhere)).rejects.toMatchObject({
      ...{ code: 'chain_ledger_locked', remedy: expect.stringContaining('a key of its own') },
      message: expect.stringContaining('with another data folder'),
    })
    await rm(elsewhere, { recursive: true })
    // A second process with a key of its own, while the pool runs: the same one, which outlives it.
    const beside = await open(null, otherKey)
    expect([beside.kind, beside.gateway, await beside.store.get(blob)]).toEqual(['stand-in', again.gateway, bytes])
    await beside.close()
    expect(await facts()).toEqual(before)

    const named = await open(`${again.gateway}/`, otherKey)
    expect([named.kind, named.gateway]).toEqual(['stand-in', again.gateway])
    await named.close()
    await again.close()
    await again.close()
    await expect(again.store.get(blob)).rejects.toMatchObject({ code: 'artifact_store_failed' })
    expect(faults).toEqual([])
  })

  it('refuses 0G’s own chains without an indexer, a chain that is silent, and a key that is poor', async () => {
    await clients.testClient.request({ method: 'anvil_setChainId' as never, params: [16602] as never })
    await expect(open()).rejects.toMatchObject({ code: 'input_invalid' })
    await clients.testClient.request({ method: 'anvil_setChainId' as never, params: [31338] as never })
    await expect(open(null, `0x${'09'.repeat(32)}`)).rejects.toMatchObject({ code: 'chain_underfunded' })
    const nobody = 'http://127.0.0.1:9'
    await expect(open(nobody)).rejects.toMatchObject({
      code: 'input_invalid',
      message: expect.stringContaining('31338'),
    })
    const silent = { dataDir, chain: { rpcUrl: 'http://127.0.0.1:9' }, indexerUrl: null, privateKey }
    await expect(openStorage({ ...silent, onNotice() {}, onFault() {} })).rejects.toMatchObject({
      code: 'chain_unreachable',
    })
  })

  it('pays at 0G’s own contract there, and is 0G only where it does, though nobody answers yet', async () => {
    const nobody = 'http://127.0.0.1:9'
    const flow = '0x22E03a6A89B950F1c82ec5e74F8eCa321a105296'
    const own = '0x1111111111111111111111111111111111111111'
    await clients.testClient.request({ method: 'anvil_setChainId' as never, params: [16602] as never })
    const real = await open(nobody)
    expect([real.kind, real.flow]).toEqual(['0g', flow])
    await real.close()
    const other = await open(nobody, privateKey, { flow: own })
    expect([other.kind, other.flow]).toEqual(['stand-in', own])
    await other.close()
    await clients.testClient.request({ method: 'anvil_setChainId' as never, params: [31337] as never })
    const unknown = await open(nobody)
    expect([unknown.kind, unknown.flow]).toEqual(['stand-in', null])
    await unknown.close()
  })
})

it('does not take a broken book for an empty one', async () => {
  const file = path.join(dataDir, 'book.json')
  const root: Hex = `0x${'11'.repeat(32)}`
  await (await openSubmissionBook(file)).set(root, { hash: root, signed: '0xab' })
  expect(await (await openSubmissionBook(file)).get(root)).toEqual({ hash: root, signed: '0xab' })
  await writeFile(file, '{"0x11')
  await expect(openSubmissionBook(file)).rejects.toMatchObject({ code: 'chain_state_invalid' })
})

it('forgets what is stored for good but for the last few, and never what is on its way', async () => {
  const file = path.join(dataDir, 'long.json')
  const rootAt = (at: number): Hex => `0x${at.toString(16).padStart(64, '0')}`
  const book = await openSubmissionBook(file)
  for (let at = 0; at < 50; at++) {
    await book.set(rootAt(at), { hash: rootAt(at), signed: '0xab' })
    if (at > 0) await book.finish(rootAt(at))
  }
  await book.finish(rootAt(99))
  const kept = Object.keys(JSON.parse(await readFile(file, 'utf8')) as object)
  expect(kept).toEqual([0, ...Array.from({ length: 32 }, (_, at) => at + 18)].map(rootAt))
  const again = await openSubmissionBook(file)
  expect(await again.get(rootAt(0))).toEqual({ hash: rootAt(0), signed: '0xab' })
  expect(await again.get(rootAt(49))).toMatchObject({ hash: rootAt(49), isFinished: true })
})

it('does not know of a payment that it could not write down', async () => {
  const folder = path.join(dataDir, 'gone')
  await mkdir(folder)
  const book = await openSubmissionBook(path.join(folder, 'book.json'))
  await rm(folder, { recursive: true })
  const root: Hex = `0x${'11'.repeat(32)}`
  await expect(book.set(root, { hash: root, signed: '0xab' })).rejects.toThrow('ENOENT')
  expect(await book.get(root)).toBeUndefined()
  await mkdir(folder)
  await book.set(root, { hash: root, signed: '0xab' })
  expect(await book.get(root)).toEqual({ hash: root, signed: '0xab' })
})
