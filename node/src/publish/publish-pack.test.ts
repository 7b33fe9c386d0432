/** A pack goes to the real stand-in, part by part, and comes back through its gateway where its pool fails: over real HTTP, on a real chain. */
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embeddedChain } from '@computepool/contracts/chain'
import { clientsFor, type SpawnedAnvil, spawnAnvil } from '@computepool/contracts/testing'
import {
  type OpenStorage,
  openStorage,
  openStorageNetwork,
  type StorageNetwork,
} from '@computepool/orchestrator/storage0g/index.ts'
import { sourcesOf } from '@computepool/peer/artifacts/artifact-sources.ts'
import { createMemoryStorage } from '@computepool/peer/artifacts/memory-storage.ts'
import { createVerifiedStore } from '@computepool/peer/artifacts/verified-store.ts'
import { hostClock } from '@computepool/peer/host.ts'
import type { PackPlaces } from '@computepool/shared/model'
import type { Hex } from 'viem'
import { parseEther } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { writeRandomPack } from '../pack/random-pack.ts'
import { publishCommand } from '../publish-command.ts'
import { type PublishTarget, planPublish, publishPack } from './publish-pack.ts'

const privateKey: Hex = `0x${'17'.repeat(32)}`
const dimensions = {
  layers: 2,
  hidden: 64,
  heads: 1,
  kvHeads: 1,
  headDim: 64,
  intermediate: 64,
  vocab: 300,
  context: 64,
}
/** So that parts of tens of kilobytes have several. */
const piece = 30_000

let anvil: SpawnedAnvil
let storage: OpenStorage
let network: StorageNetwork
let target: PublishTarget
let folder: string
let packDir: string
/** Whose else publishes while the pool runs with its own. */
const publisherKey: Hex = `0x${'0b'.repeat(32)}`
const paid = (key: Hex = privateKey) =>
  clientsFor(embeddedChain(anvil.url), anvil.url).publicClient.getTransactionCount({
    address: privateKeyToAccount(key).address,
  })
beforeAll(async () => {
  anvil = await spawnAnvil()
  const { testClient } = clientsFor(embeddedChain(anvil.url), anvil.url)
  for (const { address } of [privateKey, publisherKey].map(key => privateKeyToAccount(key))) {
    await testClient.setBalance({ address, value: parseEther('10') })
  }
  folder = await mkdtemp(join(tmpdir(), 'computepool-publish-'))
  packDir = join(folder, 'pack')
  await writeRandomPack({
    outDir: packDir,
    architecture: 'llama',
    dimensions,
    quantisation: 'f16',
    seed: 1,
    model: 'r',
  })
  storage = await openStorage({
    ...{ dataDir: folder, chain: { rpcUrl: anvil.url }, indexerUrl: null, privateKey },
    ...{ onNotice: () => {}, onFault: () => {} },
  })
  network = openStorageNetwork({ indexerUrl: storage.gateway!, rpcUrl: anvil.url, flow: storage.flow })
  target = { chainId: 31337, isStandIn: true, gateways: [storage.gateway!], isFirst: false }
}, 120_000)
afterAll(async () => {
  await storage?.close()
  await anvil?.close()
  if (folder) await rm(folder, { recursive: true })
})

const plan = () => planPublish(packDir, target, network.has, piece)
const placesOf = async () => JSON.parse(await readFile(join(packDir, '0g.json'), 'utf8')) as PackPlaces
const never = new AbortController().signal

describe('publishing', { timeout: 60_000 }, () => {
  it('says what it costs, stops where it is told to, goes on from there, and pays nothing twice', async () => {
    const before = await paid()
    const first = await plan()
    expect(first.kept).toEqual([])
    const { storageWei, gasWei } = await network.costOf(first.sizes)
    const bytes = first.sizes.reduce((sum, size) => sum + size, 0)
    // 256 bytes a sector, filled up to a sixteenth of the next power of two.
    expect(Number(storageWei) / (bytes * (34_570_000_000 / 256))).toBeCloseTo(1, 0)
    expect(gasWei).toBeGreaterThan(0n)

    const stop = new AbortController()
    const seen: number[] = []
    const stopped = publishPack(first, {
      ...{ store: storage.store, piece, signal: stop.signal },
      onProgress({ part, doneBytes }) {
        seen.push(doneBytes)
        if (part === first.missing[1]!.name) stop.abort(new Error('told to'))
      },
    })
    await expect(stopped).rejects.toThrow('told to')
    expect((await placesOf()).parts.map(({ sha256 }) => sha256)).toEqual([first.missing[0]!.sha256])

    const second = await plan()
    expect([second.kept.length, second.missing.length]).toEqual([1, first.missing.length - 1])
    const places = await publishPack(second, {
      ...{ store: storage.store, piece, signal: never },
      onProgress: ({ doneBytes, totalBytes }) => seen.push(doneBytes / totalBytes),
    })
    expect(seen.at(-1)).toBe(1)
    expect(await placesOf()).toEqual(places)
    expect(places.parts.map(({ sha256 }) => sha256)).toEqual(first.manifest.parts.map(({ sha256 }) => sha256))
    expect(places.parts.some(({ pieces }) => pieces.length > 1)).toBe(true)
    expect(await paid()).toBe(before + first.sizes.length)

    // Asked again, and with the side file lost: nothing is sent.
    expect((await plan()).sizes).toEqual([])
    await rm(join(packDir, '0g.json'))
    const lost = await publishPack(await plan(), { store: storage.store, piece, signal: never, onProgress() {} })
    expect([lost, await paid()]).toEqual([places, before + first.sizes.length])
  })

  it('pays for no part that is not what the manifest says, and keeps no place that nobody knows', async () => {
    const { manifest } = await plan()
    const path = join(packDir, manifest.parts[0]!.path)
    const places = await placesOf()
    const [one, ...rest] = places.parts
    const lost = { ...one!, pieces: [{ ...one!.pieces[0]!, root: `0x${'11'.repeat(32)}` }, ...one!.pieces.slice(1)] }
    await writeFile(join(packDir, '0g.json'), JSON.stringify({ ...places, parts: [lost, ...rest] }))
    const again = await plan()
    expect(again.missing.map(({ sha256 }) => sha256)).toEqual([one!.sha256])
    await copyFile(path, join(folder, 'kept'))
    const bytes = await readFile(path)
    bytes[5]! ^= 1
    await writeFile(path, bytes)
    const before = await paid()
    const refused = publishPack(again, { store: storage.store, piece, signal: never, onProgress() {} })
    await expect(refused).rejects.toMatchObject({ code: 'artifact_digest_mismatch' })
    expect(await paid()).toBe(before)
    await copyFile(join(folder, 'kept'), path)
    await writeFile(join(packDir, '0g.json'), JSON.stringify(places))
  })
})

describe('computepool publish', { timeout: 60_000 }, () => {
  afterEach(() => {
    vi.unstubAllEnvs()
    vi.restoreAllMocks()
  })

  it('tells the cost, pays after a word only, and says that a stand-in is one', async () => {
    const outDir = join(folder, 'second')
    await writeRandomPack({ outDir, architecture: 'llama', dimensions, quantisation: 'f16', seed: 2, model: 's' })
    vi.stubEnv('COMPUTEPOOL_STORAGE_KEY', publisherKey)
    const lines: string[] = []
    vi.spyOn(console, 'log').mockImplementation(line => void lines.push(String(line)))
    const run = async (...more: string[]) => {
      lines.length = 0
      const data = join(folder, 'elsewhere')
      const where = ['--chain', anvil.url, '--storage', storage.gateway!, '--data', data]
      await publishCommand([outDir, ...where, '--json', ...more])
      return lines.map(line => JSON.parse(line) as { type: string; files?: number; isSent?: boolean })
    }
    const before = await paid(publisherKey)
    expect(await run()).toMatchObject([{ type: 'cost', files: 4, isSent: false }])
    expect(await run('--yes', '--dry-run')).toMatchObject([{ type: 'cost', isSent: false }])
    expect(await paid(publisherKey)).toBe(before)
    const said = await run('--yes', '--gateway', 'https://gateway.example/0g/', '--first')
    expect(said[0]).toMatchObject({ type: 'cost', isSent: true, payer: privateKeyToAccount(publisherKey).address })
    expect(said.at(-1)).toMatchObject({ type: 'published', isStandIn: true, gateways: ['https://gateway.example/0g'] })
    expect(await paid(publisherKey)).toBe(before + 4)
    const written = JSON.parse(await readFile(join(outDir, '0g.json'), 'utf8')) as PackPlaces
    expect(written).toMatchObject({ isFirst: true, isStandIn: true, gateways: ['https://gateway.example/0g'] })
    await expect(run('--gateway', 'ftp://x')).rejects.toMatchObject({ code: 'input_invalid' })
    vi.stubEnv('COMPUTEPOOL_STORAGE_KEY', privateKey)
    await expect(run('--yes')).rejects.toMatchObject({ code: 'chain_ledger_locked' })
    vi.stubEnv('COMPUTEPOOL_STORAGE_KEY', '0x12')
    const refused = await run('--yes').catch((thrown: Error) => thrown.message)
    expect(refused).not.toContain('0x12')
  })
})

describe('a part of a published pack', { timeout: 60_000 }, () => {
  /** A pool that serves as `listen` does; null: nobody is there. */
  async function fetchFrom(listen: RequestListener, change: (places: PackPlaces) => PackPlaces = places => places) {
    const pool: Server = createServer(listen)
    await new Promise<void>(resolve => pool.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(pool.address() as AddressInfo).port}/packs/r/`
    const { manifest } = await plan()
    const part = manifest.parts.find(({ name }) => name === 'head')!
    const asked: string[] = []
    const fetchBytes = (address: string, init: RequestInit) => {
      asked.push(`${new URL(address).pathname} ${new Headers(init.headers).get('range') ?? 'whole'}`)
      return fetch(address, init)
    }
    const store = createVerifiedStore({ storages: [createMemoryStorage()], fetchBytes, clock: hostClock })
    try {
      await store.obtain(part, { sources: sourcesOf(part, url, change(await placesOf())), signal: never })
      const expected = await readFile(join(packDir, part.path))
      const whole = expected.equals(await (await store.open(part)).read(0, part.sizeBytes))
      return { whole, asked, sizeBytes: part.sizeBytes }
    } finally {
      pool.closeAllConnections()
      await new Promise(resolve => pool.close(resolve))
    }
  }
  const bytesOfHead = async () => readFile(join(packDir, (await plan()).manifest.parts.at(-1)!.path))

  it('comes from the gateway where the pool has lost it', async () => {
    const { whole, asked } = await fetchFrom((_, response) => response.writeHead(404).end())
    expect([whole, asked]).toEqual([
      true,
      ['/packs/r/parts/head.bin whole', ...Array.from({ length: 2 }, () => '/file whole')],
    ])
  })

  it('goes on at the gateway, by range, where the pool broke off in the middle of a piece', async () => {
    const head = await bytesOfHead()
    let times = 0
    const { whole, asked } = await fetchFrom((_, response) => {
      times += 1
      if (times > 1) return response.writeHead(410).end()
      response.writeHead(200, { 'content-length': head.length })
      return response.write(head.subarray(0, piece + 1000), () => setImmediate(() => response.destroy()))
    })
    expect([whole, asked.at(-1)]).toEqual([true, '/file bytes=1000-'])
  })

  it('comes from the pool where the gateway is first and gone, or knows nothing of it', async () => {
    const head = await bytesOfHead()
    const own: RequestListener = (_, response) => response.writeHead(200).end(head)
    const unknown = (places: PackPlaces): PackPlaces => ({
      ...{ ...places, isFirst: true },
      parts: places.parts.map(part => ({
        ...part,
        pieces: part.pieces.map(({ sizeBytes }) => ({ sizeBytes, root: `0x${'22'.repeat(32)}` })),
      })),
    })
    expect((await fetchFrom(own, unknown)).whole).toBe(true)
    const gone = (places: PackPlaces) => ({ ...places, isFirst: true, gateways: ['http://127.0.0.1:9'] })
    expect((await fetchFrom(own, gone)).whole).toBe(true)
  })

  it('comes from the gateway where the pool gives other bytes', async () => {
    const head = await bytesOfHead()
    head[7]! ^= 1
    expect((await fetchFrom((_, response) => response.writeHead(200).end(head))).whole).toBe(true)
  })
})
