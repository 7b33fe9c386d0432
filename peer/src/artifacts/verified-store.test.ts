import { createManualClock, createSeededRandom, type ManualClock } from '@computepool/shared/testing'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { describe, expect, it } from 'vitest'
import { createFakeFileServer, type FakeAnswer } from '../../testing/fake-file-server.ts'
import { wholeAt } from './artifact-sources.ts'
import { createMemoryStorage } from './memory-storage.ts'
import { createVerifiedStore } from './verified-store.ts'

const contents = createSeededRandom(1).bytes(10_500)
const file = { path: 'layer-0.bin', sizeBytes: contents.length, sha256: bytesToHex(sha256(contents)) }
const sources = [wholeAt('http://pack.test/layer-0.bin', file)] as const

function openStore(answer?: (path: string, earlier: number, start: number) => FakeAnswer) {
  const clock = createManualClock()
  const server = createFakeFileServer({ 'layer-0.bin': contents }, answer)
  const storage = createMemoryStorage()
  const fallbacks: string[] = []
  const store = createVerifiedStore({
    storages: [storage],
    fetchBytes: server.fetchBytes,
    clock,
    onFallback: error => fallbacks.push(error.code),
  })
  return { clock, server, storage, store, fallbacks }
}

/** Waits for `promise` while time moves: retries wait on the clock. */
async function reach<T>(promise: Promise<T>, clock: ManualClock): Promise<T> {
  let isSettled = false
  promise.then(
    () => (isSettled = true),
    () => (isSettled = true),
  )
  for (let turn = 0; !isSettled && turn < 20_000; turn += 1) await clock.advance(20)
  return promise
}

async function bytesIn(store: ReturnType<typeof openStore>['store']): Promise<Uint8Array> {
  const reader = await store.open(file)
  return reader.read(0, file.sizeBytes)
}

const signal = new AbortController().signal

describe('a verified store', () => {
  it('fetches a file once, and finds it the second time', async () => {
    const { store, clock, server } = openStore()
    const progress: number[] = []
    const first = store.obtain(file, { sources, signal, onProgress: done => progress.push(done) })
    expect(await reach(first, clock)).toEqual({ isCached: false })
    expect(await store.obtain(file, { sources, signal })).toEqual({ isCached: true })
    expect(await bytesIn(store)).toEqual(contents)
    expect(server.asked).toHaveLength(1)
    expect(progress.at(-1)).toBe(contents.length)
    expect(progress).toEqual([...progress].sort((a, b) => a - b))
  })

  it('fetches anew what was taken away since', async () => {
    const { store, clock, server, storage } = openStore()
    await reach(store.obtain(file, { sources, signal }), clock)
    await storage.remove(file.sha256)
    expect(await reach(store.obtain(file, { sources, signal }), clock)).toEqual({ isCached: false })
    expect(await bytesIn(store)).toEqual(contents)
    expect(server.asked).toHaveLength(2)
  })

  it('resumes where the connection broke', async () => {
    const { store, clock, server } = openStore((_, earlier) => (earlier < 2 ? { cutAfter: 4000 } : {}))
    await reach(store.obtain(file, { sources, signal }), clock)
    expect(server.asked.map(entry => entry.start)).toEqual([0, 4000, 8000])
    expect(await bytesIn(store)).toEqual(contents)
  })

  it('starts over where the server knows no ranges', async () => {
    const { store, clock } = openStore((_, earlier) => ({
      ignoresRange: true,
      ...(earlier < 2 ? { cutAfter: 4000 } : {}),
    }))
    await reach(store.obtain(file, { sources, signal }), clock)
    expect(await bytesIn(store)).toEqual(contents)
  })

  it('begins again where nothing comes any more', async () => {
    const { store, clock, server } = openStore((_, earlier) => (earlier === 0 ? { stallAfter: 2000 } : {}))
    await reach(store.obtain(file, { sources, signal }), clock)
    expect(server.asked.map(entry => entry.start)).toEqual([0, 2000])
    expect(await bytesIn(store)).toEqual(contents)
  })

  it('takes the last byte for the end where nobody says that it was the last', async () => {
    const { store, clock, server } = openStore(() => ({ isDeaf: true }))
    await reach(store.obtain(file, { sources, signal }), clock)
    expect(server.asked).toHaveLength(1)
    expect(await bytesIn(store)).toEqual(contents)
  })

  it('begins again where a read never settles, not even by the abort', async () => {
    const { store, clock, server } = openStore((_, earlier) =>
      earlier === 0 ? { stallAfter: 2000, isDeaf: true } : {},
    )
    await reach(store.obtain(file, { sources, signal }), clock)
    expect(server.asked.map(entry => entry.start)).toEqual([0, 2000])
    expect(await bytesIn(store)).toEqual(contents)
  })

  it('waits out a server that is briefly ill, and says so where it stays ill', async () => {
    const ill = openStore((_, earlier) => (earlier < 3 ? { status: 503 } : {}))
    await reach(ill.store.obtain(file, { sources, signal }), ill.clock)
    const dead = openStore(() => ({ status: 503 }))
    const failed = reach(dead.store.obtain(file, { sources, signal }), dead.clock)
    await expect(failed).rejects.toMatchObject({ code: 'artifact_fetch_failed', context: { status: 503 } })
    expect(dead.server.asked).toHaveLength(5)
  })

  it('asks but once for what is not there', async () => {
    const { store, clock, server } = openStore(() => ({ status: 404 }))
    const failed = reach(store.obtain(file, { sources, signal }), clock)
    await expect(failed).rejects.toMatchObject({ code: 'artifact_fetch_failed' })
    expect(server.asked).toHaveLength(1)
  })

  const lie = contents.slice()
  lie[5000]! ^= 1

  it('fetches once more where the digest is wrong, past every cache', async () => {
    const { store, clock, server } = openStore((_, earlier) => (earlier === 0 ? { body: lie } : {}))
    await reach(store.obtain(file, { sources, signal }), clock)
    expect(await bytesIn(store)).toEqual(contents)
    expect(server.asked.map(entry => entry.cache)).toEqual(['default', 'reload'])
  })

  it.each([
    ['another file', lie],
    ['a longer file', new Uint8Array([...contents, 1])],
  ])('refuses %s by name after the second time, and opens nothing', async (_, body) => {
    const { store, storage, clock, server } = openStore(() => ({ body }))
    const failed = reach(store.obtain(file, { sources, signal }), clock)
    await expect(failed).rejects.toMatchObject({ code: 'artifact_digest_mismatch' })
    expect(server.asked).toHaveLength(2)
    expect(await storage.has(file.sha256)).toBeNull()
    await expect(store.open(file)).rejects.toMatchObject({ code: 'bug_unreachable_state' })
  })

  it.each([
    ['changed', lie],
    ['shortened', contents.slice(0, 9000)],
  ])('notices that a stored file was %s, and fetches it anew', async (_, rotten) => {
    const { store, storage, clock, server } = openStore()
    const partial = await storage.partial(file.sha256)
    await partial.append(rotten)
    await partial.commit()
    expect(await reach(store.obtain(file, { sources, signal }), clock)).toEqual({ isCached: false })
    expect(server.asked).toHaveLength(1)
    expect(await bytesIn(store)).toEqual(contents)
  })

  it('takes an intact stored file without asking the server', async () => {
    const { store, storage, server } = openStore()
    const partial = await storage.partial(file.sha256)
    await partial.append(contents)
    await partial.commit()
    expect(await store.obtain(file, { sources, signal })).toEqual({ isCached: true })
    expect(server.asked).toEqual([])
  })

  it('goes on with what an earlier visit left, even where that turns out to be wrong', async () => {
    const { store, storage, clock, server } = openStore()
    const partial = await storage.partial(file.sha256)
    await partial.append(lie.subarray(0, 6000))
    await partial.close()
    await reach(store.obtain(file, { sources, signal }), clock)
    expect(server.asked.map(entry => entry.start)).toEqual([6000, 0])
    expect(await bytesIn(store)).toEqual(contents)
  })

  it('goes to memory where the disk is full, and says so once', async () => {
    const clock = createManualClock()
    const server = createFakeFileServer({ 'layer-0.bin': contents })
    const disk = createMemoryStorage(5000)
    const fallbacks: string[] = []
    const store = createVerifiedStore({
      storages: [disk, createMemoryStorage()],
      fetchBytes: server.fetchBytes,
      clock,
      onFallback: error => fallbacks.push(error.code),
    })
    await reach(store.obtain(file, { sources, signal }), clock)
    expect(await bytesIn(store)).toEqual(contents)
    expect(fallbacks).toEqual(['artifact_quota_exceeded'])
  })

  it('makes room on a full disk by what belongs to no part of this model', async () => {
    const clock = createManualClock()
    const server = createFakeFileServer({ 'layer-0.bin': contents })
    const disk = createMemoryStorage(20_000)
    const [ours, others] = ['1'.repeat(64), '2'.repeat(64)]
    for (const sha256 of [ours, others]) {
      const partial = await disk.partial(sha256)
      await partial.append(new Uint8Array(8000))
      await partial.commit()
    }
    const fallbacks: string[] = []
    const store = createVerifiedStore({
      storages: [disk, createMemoryStorage()],
      fetchBytes: server.fetchBytes,
      clock,
      onFallback: error => fallbacks.push(error.code),
    })
    store.keep([file.sha256, ours])
    await reach(store.obtain(file, { sources, signal }), clock)
    expect(fallbacks).toEqual([])
    expect(await disk.has(ours)).toBe(8000)
    expect(await disk.has(others)).toBeNull()
    expect(await disk.has(file.sha256)).toBe(contents.length)
  })

  it('stops at once where it is told to, and keeps what came', async () => {
    const { store, storage, clock } = openStore((_, earlier) => (earlier === 0 ? { stallAfter: 3000 } : {}))
    const abort = new AbortController()
    const stopped = store.obtain(file, { sources, signal: abort.signal })
    stopped.catch(() => {})
    for (let turn = 0; turn < 50; turn += 1) await clock.settle()
    abort.abort(new Error('told to'))
    await expect(stopped).rejects.toThrow('told to')
    const kept = await storage.partial(file.sha256)
    expect(kept.sizeBytes).toBe(3000)
    await kept.close()
  })
})
