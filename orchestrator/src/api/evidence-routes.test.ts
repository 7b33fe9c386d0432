import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { EvidenceArchiveOptions } from '../audit/evidence-archive.ts'
import { createEvidenceArchive } from '../audit/index.ts'
import { evidenceRoutes } from './evidence-routes.ts'
import { errorResponse } from './openai-routes.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'evidence-'))
})
afterEach(() => rm(folder, { recursive: true }))

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const bundle = (fill: number, sizeBytes = 1000) => new Uint8Array(sizeBytes).fill(fill)

function open(mostBytes?: number, options: EvidenceArchiveOptions = {}) {
  const archive = createEvidenceArchive(() => folder, mostBytes === undefined ? options : { ...options, mostBytes })
  const tickets = new Map(['good', 'better', 'best', ...'abcdef'].map(ticket => [ticket, `wallet-of-${ticket}`]))
  for (let i = 0; i < 8; i++) tickets.set(`junk-${i}`, 'junk')
  const takeTicket = (ticket: string): string | null => {
    const operator = tickets.get(ticket) ?? null
    tickets.delete(ticket)
    return operator
  }
  let running = 0
  const beginCall = () => {
    running += 1
    return () => {
      running -= 1
    }
  }
  const app = evidenceRoutes({ archive, takeTicket, beginCall })
  app.onError(error => errorResponse(error))
  const put = async (bytes: Uint8Array<ArrayBuffer>, ticket: string, sha256 = digestOf(bytes)): Promise<number> => {
    const headers = { authorization: `Bearer ${ticket}` }
    return (await app.request(`/evidence/${sha256}`, { method: 'PUT', headers, body: bytes })).status
  }
  const get = async (bytes: Uint8Array): Promise<number> => (await app.request(`/evidence/${digestOf(bytes)}`)).status
  return { archive, app, put, get, running: () => running }
}

it('keeps a bundle under its digest for whoever holds a ticket, once, and gives it to anybody', async () => {
  const { app, put } = open()
  expect([await put(bundle(1), 'none'), await put(bundle(1), 'good'), await put(bundle(2), 'good')]).toEqual([
    401, 201, 401,
  ])
  const fetched = await app.request(`/evidence/${digestOf(bundle(1))}`)
  expect([fetched.status, digestOf(new Uint8Array(await fetched.arrayBuffer()))]).toEqual([200, digestOf(bundle(1))])
})

it('keeps nothing that is not what it is called, and leaves nothing of it', async () => {
  const { app, put } = open()
  expect(await put(bundle(1), 'good', digestOf(bundle(2)))).toBe(400)
  expect(await readdir(folder)).toEqual([])
  const missing = await app.request(`/evidence/${digestOf(bundle(2))}`)
  expect([missing.status, (await app.request('/evidence/..%2Fkey')).status]).toEqual([404, 400])
})

it('drops the eldest where room is short, but nothing by which somebody was convicted', async () => {
  const { archive, put, get } = open(2500)
  await put(bundle(1), 'good')
  await archive.hold(digestOf(bundle(1)))
  await put(bundle(2), 'better')
  // A file's age is told in milliseconds.
  for (const since = Date.now(); Date.now() < since + 3; );
  await put(bundle(3), 'best')
  expect([await get(bundle(1)), await get(bundle(2)), await get(bundle(3))]).toEqual([200, 404, 200])
})

it('refuses what comes where all that it keeps is needed, and keeps what is being judged', async () => {
  const { archive, put, get } = open(2500)
  await put(bundle(1), 'a')
  await archive.hold(digestOf(bundle(1)))
  await put(bundle(2), 'b')
  const release = archive.holdWhile(digestOf(bundle(2)))
  expect([await put(bundle(3), 'c'), await get(bundle(3)), await get(bundle(2))]).toEqual([503, 404, 200])
  expect((await readdir(folder)).filter(name => name.endsWith('.part'))).toEqual([])
  release()
  // What came is never what goes.
  expect([await put(bundle(4), 'd'), await get(bundle(4)), await get(bundle(2))]).toEqual([201, 200, 404])
})

it('keeps four bundles of one wallet by which nobody was convicted: its own eldest goes first', async () => {
  const { put, get } = open()
  await put(bundle(100), 'a')
  for (let i = 0; i < 5; i++) {
    await put(bundle(i), `junk-${i}`)
    for (const since = Date.now(); Date.now() < since + 3; );
  }
  expect(await Promise.all([100, 0, 1, 4].map(fill => get(bundle(fill))))).toEqual([200, 404, 200, 200])
})

it('counts who fetches a bundle until all of it was sent, or nobody wants more', async () => {
  const { app, put, running } = open()
  await put(bundle(1, 300_000), 'a')
  const fetched = await app.request(`/evidence/${digestOf(bundle(1, 300_000))}`)
  expect(running()).toBe(1)
  await fetched.arrayBuffer()
  const left = await app.request(`/evidence/${digestOf(bundle(1, 300_000))}`)
  expect(running()).toBe(1)
  await left.body!.cancel()
  await app.request(`/evidence/${digestOf(bundle(2))}`)
  expect(running()).toBe(0)
})

it('tells the owner once that convictions fill it, and gives up those that are a month old for what comes', async () => {
  const told: string[] = []
  let now = Date.now()
  const archive = open(2500, { wallMs: () => now, onFull: ({ message }) => told.push(message) })
  expect([await archive.put(bundle(1), 'good'), await archive.put(bundle(2), 'better')]).toEqual([201, 201])
  for (const fill of [1, 2]) await archive.archive.hold(digestOf(bundle(fill)))
  await utimes(join(folder, `${digestOf(bundle(1))}.held`), now / 1000 - 60, now / 1000 - 60)
  expect([await archive.put(bundle(3), 'best'), await archive.put(bundle(4), 'a')]).toEqual([503, 503])
  expect(told).toEqual([expect.stringContaining('fills the 2500 bytes')])
  now += 30 * 24 * 3_600_000 - 1000
  expect(await archive.put(bundle(3), 'b')).toBe(201)
  expect([await archive.get(bundle(1)), await archive.get(bundle(2))]).toEqual([404, 200])
  expect((await readdir(folder)).sort()).toEqual(
    [digestOf(bundle(2)), `${digestOf(bundle(2))}.held`, digestOf(bundle(3))].sort(),
  )
})
