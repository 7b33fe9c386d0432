import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
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

function open(mostBytes?: number) {
  const archive = createEvidenceArchive(() => folder, mostBytes)
  const tickets = new Set(['good', 'better', 'best'])
  const app = evidenceRoutes({ archive, takeTicket: ticket => tickets.delete(ticket), beginCall: () => () => {} })
  app.onError(error => errorResponse(error))
  const put = async (bytes: Uint8Array<ArrayBuffer>, ticket: string, sha256 = digestOf(bytes)): Promise<number> => {
    const headers = { authorization: `Bearer ${ticket}` }
    return (await app.request(`/evidence/${sha256}`, { method: 'PUT', headers, body: bytes })).status
  }
  const get = async (bytes: Uint8Array): Promise<number> => (await app.request(`/evidence/${digestOf(bytes)}`)).status
  return { archive, app, put, get }
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

it('drops the eldest where room is short, but nothing by which somebody stands accused', async () => {
  const { archive, put, get } = open(2500)
  await put(bundle(1), 'good')
  await archive.hold(digestOf(bundle(1)))
  await put(bundle(2), 'better')
  // A file's age is told in milliseconds.
  for (const since = Date.now(); Date.now() < since + 3; );
  await put(bundle(3), 'best')
  expect([await get(bundle(1)), await get(bundle(2)), await get(bundle(3))]).toEqual([200, 404, 200])
})
