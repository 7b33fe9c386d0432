/** A part that lies at a pool and, in pieces, at a gateway: whichever fails, in whatever way, the bytes come whole from the others. */
import type { FileRef, PackPlaces } from '@computepool/shared/model'
import { createManualClock, createSeededRandom } from '@computepool/shared/testing'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { describe, expect, it } from 'vitest'
import { createFakeFileServer, type FakeAnswer } from '../../testing/fake-file-server.ts'
import { sourcesOf } from './artifact-sources.ts'
import { fetchPlaces } from './fetch-places.ts'
import { createMemoryStorage } from './memory-storage.ts'
import { createVerifiedStore } from './verified-store.ts'

const contents = createSeededRandom(3).bytes(10_500)
const cutAt = 6_000
const file: FileRef = { path: 'layer-0.bin', sizeBytes: contents.length, sha256: bytesToHex(sha256(contents)) }
const roots = [`0x${'1'.repeat(64)}`, `0x${'2'.repeat(64)}`] as const
const packUrl = 'http://pool.test/packs/demo/'
const manifestSha256 = 'ab'.repeat(32)
const places: PackPlaces = {
  format: 'computepool-places',
  version: 1,
  manifestSha256,
  isStandIn: true,
  chainId: 31337,
  gateways: ['http://gateway.test'],
  isFirst: false,
  parts: [
    {
      sha256: file.sha256,
      pieces: [
        { root: roots[0], sizeBytes: cutAt },
        { root: roots[1], sizeBytes: contents.length - cutAt },
      ],
    },
  ],
}
type Answer = (path: string, earlier: number, start: number) => FakeAnswer

function open({ pool, gateway }: { pool?: Answer; gateway?: Answer }) {
  const clock = createManualClock()
  const own = createFakeFileServer({ 'packs/demo/layer-0.bin': contents }, pool)
  const other = createFakeFileServer(
    { [roots[0]]: contents.subarray(0, cutAt), [roots[1]]: contents.subarray(cutAt) },
    gateway,
  )
  const fetchBytes = (address: string, init: RequestInit): Promise<Response> => {
    const { host, searchParams } = new URL(address)
    if (host === 'pool.test') return own.fetchBytes(address, init)
    return other.fetchBytes(`http://gateway.test/${searchParams.get('root')}`, init)
  }
  const store = createVerifiedStore({ storages: [createMemoryStorage()], fetchBytes, clock })
  const starts = (server: typeof own) => server.asked.map(({ path, start }) => [path.slice(-3), start])
  return {
    own: () => starts(own),
    other: () => starts(other),
    async obtain(found: PackPlaces | null = places, asked = file) {
      let isSettled = false
      const signal = new AbortController().signal
      const obtained = store.obtain(asked, { sources: sourcesOf(asked, packUrl, found), signal })
      const settle = () => {
        isSettled = true
      }
      obtained.then(settle, settle)
      for (let turn = 0; !isSettled && turn < 20_000; turn += 1) await clock.advance(20)
      await obtained
      const reader = await store.open(asked)
      return Buffer.from(await reader.read(0, asked.sizeBytes)).equals(contents)
    },
  }
}

describe('a part with two sources', () => {
  it('comes from the pool, or from the gateway where that is to be asked first, piece by piece', async () => {
    const usual = open({})
    expect(await usual.obtain()).toBe(true)
    expect([usual.own(), usual.other()]).toEqual([[['bin', 0]], []])
    const first = open({})
    expect(await first.obtain({ ...places, isFirst: true })).toBe(true)
    expect([first.own(), first.other()]).toEqual([
      [],
      [
        ['111', 0],
        ['222', 0],
      ],
    ])
  })

  it.each<[string, { pool?: Answer; gateway?: Answer }, boolean]>([
    ['the pool is gone', { pool: () => ({ status: 404 }) }, false],
    ['the pool stays ill', { pool: () => ({ status: 503 }) }, false],
    [
      'the pool goes down mid-part',
      { pool: (_, earlier) => (earlier === 0 ? { cutAfter: 7000 } : { status: 502 }) },
      false,
    ],
    ['the pool stands still mid-part', { pool: () => ({ stallAfter: 0 }) }, false],
    ['the pool has another file', { pool: () => ({ body: new Uint8Array(contents.length) }) }, false],
    ['the pool has a short file', { pool: () => ({ body: contents.subarray(0, 4000) }) }, false],
    ['the pool has a long file', { pool: () => ({ body: new Uint8Array(contents.length + 1) }) }, false],
    ['the gateway does not know the file', { gateway: () => ({ status: 404 }) }, true],
    ['the gateway goes down mid-part', { gateway: path => (path === roots[1] ? { status: 500 } : {}) }, true],
    ['the gateway changes bytes', { gateway: () => ({ body: new Uint8Array(cutAt) }) }, true],
    [
      'the gateway cuts a piece short',
      { gateway: path => (path === roots[0] ? { body: contents.subarray(0, 99) } : {}) },
      true,
    ],
  ])('comes whole where %s', async (_, answers, isFirst) => {
    expect(await open(answers).obtain({ ...places, isFirst })).toBe(true)
  })

  it('goes on at the gateway where the pool stopped, and asks the pool last from then on', async () => {
    const scene = open({ pool: (_, earlier) => (earlier === 0 ? { cutAfter: 7000 } : { status: 404 }) })
    expect(await scene.obtain()).toBe(true)
    expect(scene.other()).toEqual([['222', 1000]])
    const asked = scene.own().length
    await scene.obtain(places, { ...file, path: 'layer-1.bin' }).catch(() => {})
    expect(scene.own()).toHaveLength(asked)
  })

  it.each(['ignoresRange', 'hidesRange'])('comes whole from a gateway that breaks off and %s', async manner => {
    const gateway: Answer = (_, earlier) => ({ [manner]: true, ...(earlier === 0 ? { cutAfter: 3000 } : {}) })
    const scene = open({ gateway })
    expect([await scene.obtain({ ...places, isFirst: true }), scene.own()]).toEqual([true, []])
    expect(scene.other()).toEqual([
      ['111', 0],
      ['111', 3000],
      ['222', 0],
      ['222', 3000],
    ])
  })

  it.each([
    ['a gateway that drips is left for the pool', true],
    ['the last source may be as slow as it likes', false],
  ])('%s', async (_, hasPool) => {
    const clock = createManualClock()
    const small = contents.slice(0, 12)
    const asked = { path: 'small.bin', sizeBytes: small.length, sha256: bytesToHex(sha256(small)) }
    let dripped = 0
    let wholes = 0
    const dripping = () =>
      new ReadableStream<Uint8Array>({
        // A byte each 29 s: never silent for 30.
        pull: controller =>
          new Promise<void>(resolve => {
            clock.schedule(29_000, () => {
              controller.enqueue(small.subarray(dripped, dripped + 1))
              dripped += 1
              resolve()
            })
          }),
      })
    const fetchBytes = async (address: string): Promise<Response> => {
      if (address.startsWith('http://gateway.test')) return new Response(dripping())
      wholes += 1
      return new Response(new Uint8Array(small))
    }
    const store = createVerifiedStore({ storages: [createMemoryStorage()], fetchBytes, clock })
    const gateway = { pieces: [{ url: 'http://gateway.test/0', sizeBytes: small.length }] } as const
    const pool = { pieces: [{ url: `${packUrl}small.bin`, sizeBytes: small.length }] } as const
    let isDone = false
    const { signal } = new AbortController()
    const obtained = store.obtain(asked, { sources: hasPool ? [gateway, pool] : [gateway], signal }).finally(() => {
      isDone = true
    })
    for (let turn = 0; !isDone && turn < 1000; turn += 1) await clock.advance(1000)
    await obtained
    expect({ dripped: dripped < small.length, wholes }).toEqual({ dripped: hasPool, wholes: hasPool ? 1 : 0 })
  })

  it('takes no apology for bytes', async () => {
    const scene = open({ gateway: () => ({ isApologetic: true }) })
    expect(await scene.obtain({ ...places, isFirst: true })).toBe(true)
    expect([scene.other(), scene.own()]).toEqual([[['111', 0]], [['bin', 0]]])
  })

  it('fails by name where nobody has it right, and wrong bytes are the worst', async () => {
    const gone = (): FakeAnswer => ({ status: 404 })
    await expect(open({ pool: gone, gateway: gone }).obtain()).rejects.toMatchObject({ code: 'artifact_fetch_failed' })
    const lies = (): FakeAnswer => ({ body: new Uint8Array(contents.length) })
    const lied = open({ pool: lies, gateway: gone }).obtain()
    await expect(lied).rejects.toMatchObject({ code: 'artifact_digest_mismatch' })
  })
})

describe('places', () => {
  it('count only where they make up the file, and encrypted ones alone for a page that is', () => {
    const urls = (found: PackPlaces | null, url = packUrl) =>
      sourcesOf(file, url, found).map(({ pieces }) => pieces[0].url)
    const own = `${packUrl}layer-0.bin`
    expect(urls(places)).toEqual([own, `http://gateway.test/file?root=${roots[0]}`])
    expect(urls(null)).toEqual([own])
    const [{ pieces }] = places.parts as [PackPlaces['parts'][number]]
    expect(urls({ ...places, parts: [{ sha256: file.sha256, pieces: pieces.slice(1) }] })).toEqual([own])
    const secure = packUrl.replace('http:', 'https:')
    const gateways = ['http://gateway.test', 'https://gateway.test/0g']
    expect(urls({ ...places, gateways }, secure)).toEqual([
      `${secure}layer-0.bin`,
      `https://gateway.test/0g/file?root=${roots[0]}`,
    ])
  })

  it.each<[string, () => Response | Promise<Response>]>([
    ['nothing', () => new Response(null, { status: 204 })],
    ['an error', () => new Response('no', { status: 404 })],
    ['another pack', () => Response.json({ ...places, manifestSha256: 'cd'.repeat(32) })],
    ['a gateway that is none', () => Response.json({ ...places, gateways: ['javascript:alert(1)'] })],
    ['nonsense', () => new Response('{')],
    ['no end', () => new Promise(() => {})],
    ['a broken line', () => Promise.reject(new TypeError('network error'))],
  ])('are none where a pool answers with %s', async (_, answer) => {
    const clock = createManualClock()
    const { signal } = new AbortController()
    const fetchBytes = async () => answer()
    const asked = fetchPlaces({ packUrl, manifestSha256, fetchBytes, clock, signal })
    for (let turn = 0; turn < 6; turn += 1) await clock.advance(1000)
    expect(await asked).toBeNull()
    const told = fetchPlaces({ packUrl, manifestSha256, fetchBytes: async () => Response.json(places), clock, signal })
    expect(await told).toEqual(places)
  })
})
