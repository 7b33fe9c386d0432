import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { wholeAt } from '@computepool/peer/artifacts/artifact-sources.ts'
import { createVerifiedStore } from '@computepool/peer/artifacts/verified-store.ts'
import { hostClock } from '@computepool/peer/host.ts'
import { storageContract } from '@computepool/shared/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openDiskStorage } from './disk-storage.ts'
import { takeOver } from './writer-lock.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'artifacts-'))
})
afterEach(() => rm(folder, { recursive: true }))

describe('the storage contract on a disk', () => {
  it.each(storageContract.map(entry => [entry.name, entry] as const))('%s', async (_, entry) => {
    await entry.run(() => openDiskStorage(folder))
  })
})

const digest = 'a'.repeat(64)

const deadPid = 2 ** 22 + 1
/** Before this process was, and long enough ago for one that is dead. */
const longAgo = new Date(Math.min(performance.timeOrigin - 1000, Date.now() - 31_000))

async function writeLock(pid: number, touched = new Date()): Promise<string> {
  const path = join(folder, `${digest}.lock`)
  await writeFile(path, JSON.stringify({ host: hostname(), pid }))
  await utimes(path, touched, touched)
  return path
}

it('takes over the lock of a process that is long dead, and of an earlier life under its own number', async () => {
  const storage = await openDiskStorage(folder)
  for (const pid of [deadPid, process.pid]) {
    await writeLock(pid, longAgo)
    await (await storage.partial(digest)).close()
  }
  expect((await readdir(folder)).filter(name => name.includes('.lock'))).toEqual([])
})

it.each([
  ['lives', process.ppid],
  ['was touched lately, though its number is nobody’s here', deadPid],
  ['was touched after this process began, though it has its number', process.pid],
])('waits for the lock of a process that %s', async (_, pid) => {
  const storage = await openDiskStorage(folder)
  await writeLock(pid)
  await expect(storage.remove(digest)).rejects.toMatchObject({ code: 'artifact_fetch_failed' })
  const abort = new AbortController()
  const waiting = storage.partial(digest, abort.signal)
  abort.abort(new Error('waited enough'))
  await expect(waiting).rejects.toThrow('waited enough')
})

it('of two that found a lock stale, the second leaves the first one’s alone', async () => {
  const path = await writeLock(deadPid, longAgo)
  await takeOver(path)
  expect(await readdir(folder)).toEqual([])
  await writeLock(process.ppid)
  const before = await readFile(path, 'utf8')
  await takeOver(path)
  expect(await readdir(folder)).toEqual([`${digest}.lock`])
  expect(await readFile(path, 'utf8')).toBe(before)
})

it('touches its lock as long as it is held, and releases no other’s', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  try {
    const storage = await openDiskStorage(folder)
    const partial = await storage.partial(digest)
    const path = join(folder, `${digest}.lock`)
    await utimes(path, longAgo, longAgo)
    vi.advanceTimersByTime(10_000)
    await vi.waitFor(async () => expect((await stat(path)).mtimeMs).toBeGreaterThan(longAgo.getTime() + 1000))
    await rm(path)
    await writeLock(process.ppid)
    await partial.close()
    expect(await readdir(folder)).toContain(`${digest}.lock`)
  } finally {
    vi.useRealTimers()
  }
})

it('gives out no bytes that rotted on the disk: they are fetched anew', async () => {
  const bytes = new Uint8Array(5000).fill(7)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  await writeFile(join(folder, `${sha256}.data`), new Uint8Array(5000).fill(8))
  let fetched = 0
  const store = createVerifiedStore({
    storages: [await openDiskStorage(folder)],
    clock: hostClock,
    fetchBytes: async () => {
      fetched += 1
      return new Response(bytes)
    },
  })
  const file = { path: 'x', sha256, sizeBytes: bytes.length }
  const { signal } = new AbortController()
  const { isCached } = await store.obtain(file, { sources: [wholeAt('http://pool.test/x', file)], signal })
  const reader = await store.open(file)
  expect([isCached, fetched, await reader.read(0, 5000)]).toEqual([false, 1, bytes])
  await reader.close()
})
