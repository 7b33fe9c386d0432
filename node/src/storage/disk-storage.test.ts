import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createVerifiedStore } from '@computepool/peer/artifacts/verified-store.ts'
import { hostClock } from '@computepool/peer/host.ts'
import { storageContract } from '@computepool/shared/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDiskStorage } from './disk-storage.ts'

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

it('takes over the lock of a process that is dead, of an earlier life under its own number, and not of one that lives', async () => {
  const storage = await openDiskStorage(folder)
  for (const pid of [2 ** 22 + 1, process.pid]) {
    await writeFile(join(folder, `${digest}.lock`), JSON.stringify({ host: hostname(), pid }))
    await (await storage.partial(digest)).close()
  }
  expect((await readdir(folder)).filter(name => name.endsWith('.lock'))).toEqual([])

  await writeFile(join(folder, `${digest}.lock`), JSON.stringify({ host: hostname(), pid: process.ppid }))
  const abort = new AbortController()
  const waiting = storage.partial(digest, abort.signal)
  await expect(storage.remove(digest)).rejects.toMatchObject({ code: 'artifact_fetch_failed' })
  abort.abort(new Error('waited enough'))
  await expect(waiting).rejects.toThrow('waited enough')
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
  const { isCached } = await store.obtain(file, { url: 'http://pool.test/x', signal: new AbortController().signal })
  const reader = await store.open(file)
  expect([isCached, fetched, await reader.read(0, 5000)]).toEqual([false, 1, bytes])
  await reader.close()
})
