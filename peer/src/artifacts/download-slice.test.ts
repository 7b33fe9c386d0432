import { createManualClock, createSeededRandom, fakeManifest } from '@computepool/shared/testing'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { describe, expect, it } from 'vitest'
import { createFakeFileServer, type FakeAnswer } from '../../testing/fake-file-server.ts'
import { downloadSlice, type SliceProgress } from './download-slice.ts'
import { createMemoryStorage } from './memory-storage.ts'
import { createVerifiedStore } from './verified-store.ts'

const random = createSeededRandom(4)
const manifest = fakeManifest()
const bodies = manifest.parts.map((_, index) => random.bytes(20_000 + index))
const parts = manifest.parts.map((part, index) => ({
  ...part,
  sizeBytes: bodies[index]!.length,
  sha256: bytesToHex(sha256(bodies[index]!)),
}))

function start(answer?: (path: string, earlier: number) => FakeAnswer) {
  const clock = createManualClock()
  const server = createFakeFileServer(
    Object.fromEntries(parts.map((part, index) => [part.path, bodies[index]!])),
    answer,
  )
  const store = createVerifiedStore({ storages: [createMemoryStorage()], fetchBytes: server.fetchBytes, clock })
  const abort = new AbortController()
  const seen: SliceProgress[] = []
  const download = downloadSlice({
    store,
    packUrl: 'http://pack.test/',
    places: null,
    parts: parts.slice(2, 6),
    clock,
    signal: abort.signal,
    onChange: progress => seen.push(progress),
  })
  download.finished.catch(() => {})
  /** Lets chunks arrive: each takes a millisecond of manual time. */
  const pass = async (turns: number): Promise<void> => {
    for (let turn = 0; turn < turns; turn += 1) await clock.advance(20)
  }
  return { download, server, abort, seen, clock, pass }
}

describe('downloading a slice', () => {
  it('fetches its own parts only, two at once, and gives verified bytes', async () => {
    const { download, server, seen, pass } = start()
    await pass(200)
    const source = await download.finished
    expect([...new Set(server.asked.map(entry => entry.path))].sort()).toEqual(parts.slice(2, 6).map(part => part.path))
    expect(server.mostAtOnce()).toBe(2)
    const reader = await source.open(parts[3]!)
    expect(await reader.read(100, 50)).toEqual(bodies[3]!.slice(100, 150))
    const last = seen.at(-1)!
    expect(last.parts.map(part => part.status)).toEqual(['stored', 'stored', 'stored', 'stored'])
    expect(last.doneBytes).toBe(last.totalBytes)
    expect(seen.some(progress => (progress.bytesPerSecond ?? 0) > 0)).toBe(true)
  })

  it('pauses, asks for nothing meanwhile, and resumes where it stopped', async () => {
    const { download, server, seen, pass } = start()
    await pass(8)
    download.pause()
    await pass(5)
    const [askedBefore, doneBefore] = [server.asked.length, seen.at(-1)!.doneBytes]
    expect(doneBefore).toBeGreaterThan(0)
    expect(doneBefore).toBeLessThan(seen.at(-1)!.totalBytes)
    expect(seen.at(-1)!.isPaused).toBe(true)
    await pass(100)
    expect(server.asked).toHaveLength(askedBefore)
    download.resume()
    await pass(200)
    await download.finished
    expect(server.asked.slice(askedBefore).some(entry => entry.start > 0)).toBe(true)
    expect(seen.at(-1)).toMatchObject({ isPaused: false, doneBytes: seen.at(-1)!.totalBytes })
  })

  it('can be given up while it is paused', async () => {
    const { download, abort, pass } = start()
    await pass(5)
    download.pause()
    await pass(5)
    abort.abort(new Error('another assignment'))
    await expect(download.finished).rejects.toThrow('another assignment')
  })

  it('fails with the part’s own error, and stops the others', async () => {
    const bad = parts[3]!.path
    const { download, server, pass } = start(path => (path === bad ? { status: 404 } : { stallAfter: 2000 }))
    await pass(50)
    await expect(download.finished).rejects.toMatchObject({ code: 'artifact_fetch_failed', context: { status: 404 } })
    const asked = server.asked.length
    await pass(100)
    expect(server.asked).toHaveLength(asked)
  })
})
