/** What strangers can cost the pool: uploads, transfers, and bodies, by their caps; and a private pool while its token is not there. */
import { sealContainer } from '@computepool/shared/inft'
import type { StoredBlob } from '@computepool/shared/ports'
import { fileRootOf } from '@computepool/shared/storage0g'
import { createManualClock } from '@computepool/shared/testing'
import { Hono } from 'hono'
import type { Address, Hex } from 'viem'
import { expect, it } from 'vitest'
import { errorResponse } from '../api/openai-routes.ts'
import { createBlobBook, type Uploads, uploadsSchema } from './blob-book.ts'
import { type InftDesk, noInft, type OpenedInft } from './inft-desk.ts'
import { inftRoutes } from './inft-routes.ts'
import { privateDoor, privatePaths } from './private-door.ts'

const account = (index: number): Address => `0x${String(index).padStart(40, '0')}`
const container = (text: string): Uint8Array =>
  sealContainer({
    ...{ chainId: 1, contract: account(9), description: 'pool' },
    plaintext: new TextEncoder().encode(text),
    key: new Uint8Array(32).fill(1),
    nonce: new Uint8Array(12).fill(2),
  })

const owner = account(77)

function openBook(before: Uploads = []) {
  const clock = createManualClock()
  const stored = new Map<Hex, Uint8Array>()
  let value = before
  let [puts, gets, asked] = [0, 0, 0]
  const book = createBlobBook({
    clock,
    ownerOf: async () => {
      asked++
      return owner
    },
    kept: {
      get value() {
        return value
      },
      set: async next => {
        value = next
      },
    },
    store: {
      async put(bytes): Promise<StoredBlob> {
        puts++
        const { root } = fileRootOf(bytes)
        stored.set(root, bytes)
        return { root, sizeBytes: bytes.length }
      },
      async get({ root, sizeBytes }) {
        gets++
        const bytes = stored.get(root)!
        if (bytes.length !== sizeBytes) throw new Error('another size')
        return bytes
      },
    },
  })
  return { book, clock, stored, gets: () => gets, puts: () => puts, asked: () => asked, rows: () => value }
}

it('keeps containers and nothing else, so many an hour for each account', async () => {
  const { book, clock } = openBook()
  await expect(book.put(new TextEncoder().encode('A picture of a cat.'.repeat(4)), account(1))).rejects.toMatchObject({
    code: 'input_invalid',
  })
  await expect(book.put(container('x'.repeat(70_000)), account(1))).rejects.toMatchObject({ code: 'input_too_large' })
  for (let index = 0; index < 12; index++) await book.put(container(`pool ${index}`), account(1))
  await expect(book.put(container('one more'), account(1))).rejects.toMatchObject({ code: 'swarm_busy' })
  await book.put(container('of another'), account(2))
  await clock.advance(3_600_000)
  await book.put(container('one more'), account(1))
})

it('takes so many of all accounts together, and leaves a part of them to the token’s owner', async () => {
  const { book, asked, clock } = openBook()
  for (let index = 0; index < 108; index++) await book.put(container(`pool ${index}`), account(1000 + index))
  expect(asked()).toBe(0)
  await expect(book.put(container('one more'), account(500))).rejects.toMatchObject({ code: 'swarm_busy' })
  for (let index = 0; index < 12; index++) await book.put(container(`new version ${index}`), owner)
  await expect(book.put(container('one more'), owner)).rejects.toMatchObject({ code: 'swarm_busy' })
  await clock.advance(3_600_000)
  await book.put(container('one more'), account(500))
})

it('counts uploads that are on their way, and leaves two of eight to the owner', async () => {
  const { book } = openBook()
  const outcomes = await Promise.allSettled(
    Array.from({ length: 7 }, (_, index) => book.put(container(`pool ${index}`), account(1000 + index))),
  )
  expect(outcomes.map(({ status }) => status)).toEqual([...Array(6).fill('fulfilled'), 'rejected'])
  for (let round = 0; round < 2; round++) {
    const texts = Array.from({ length: 6 }, (_, index) => container(`${round} ${index}`))
    await Promise.all(texts.map(bytes => book.put(bytes, account(1))))
  }
  const { book: other } = openBook()
  for (let index = 0; index < 11; index++) await other.put(container(`pool ${index}`), account(1))
  const two = await Promise.allSettled([container('a'), container('b')].map(bytes => other.put(bytes, account(1))))
  expect(two.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  const others = Array.from({ length: 6 }, (_, index) => other.put(container(`p ${index}`), account(2000 + index)))
  await Promise.all([...others, other.put(container('new version'), owner)])
})

it('pays once an hour for the same bytes, whoever sends them', async () => {
  const { book, clock, puts, rows } = openBook()
  const same = () => book.put(container('same'), account(1))
  const blobs = await Promise.all([same(), same()])
  for (let index = 0; index < 98; index++) blobs.push(await same())
  const { root, sizeBytes } = { root: fileRootOf(container('same')).root, sizeBytes: container('same').length }
  expect(blobs).toEqual(blobs.map(() => ({ root, sizeBytes })))
  expect([puts(), rows().length]).toEqual([1, 1])
  await clock.advance(3_600_000)
  await same()
  expect([puts(), rows().length]).toEqual([2, 1])
})

it('goes on however many were uploaded once, also after a restart', async () => {
  const many = Array.from({ length: 10_001 }, (_, index) => ({ root: `0x${index}`, sizeBytes: 1, by: 'x', atMs: -1e9 }))
  const { book, rows } = openBook(uploadsSchema.parse(many))
  await book.put(container('a new one'), account(1))
  expect(rows().length).toBe(2_000)
  expect(rows().at(-1)).toMatchObject({ by: account(1) })
})

it('is misled about a container’s size by nobody’s token', async () => {
  const { book, stored } = openBook()
  const bytes = container('the pool’s')
  const { root } = fileRootOf(bytes)
  stored.set(root, bytes)
  book.learn({ root, sizeBytes: bytes.length })
  book.learn({ root, sizeBytes: 256 * 1024 * 1024 })
  await expect(book.get(root, 256 * 1024 * 1024)).rejects.toMatchObject({ code: 'input_not_found' })
  book.learn({ root, sizeBytes: bytes.length + 1 })
  await expect(book.get(root)).rejects.toThrow('another size')
  expect(await book.get(root, bytes.length)).toEqual(bytes)
  book.learn({ root, sizeBytes: bytes.length + 1 })
  expect(await book.get(root)).toEqual(bytes)
})

it('gives a container of the size that is asked for', async () => {
  const { book, stored } = openBook()
  const bytes = container('the pool’s')
  const { root } = fileRootOf(bytes)
  stored.set(root, bytes)
  book.learn({ root, sizeBytes: bytes.length })
  book.learn({ root, sizeBytes: bytes.length + 1 })
  const desk: InftDesk = { ...noInft(''), opened: () => ({ blobs: book }) as unknown as OpenedInft }
  const app = new Hono().route('/api', inftRoutes({ desk, addressOf: () => 'here', clock: createManualClock() }))
  app.onError(errorResponse)
  const get = (size: number | string) => app.request(`/api/inft/blobs/${root}?size=${size}`)
  expect(new Uint8Array(await (await get(bytes.length)).arrayBuffer())).toEqual(bytes)
  expect([(await get(bytes.length + 2)).status, (await get('all')).status]).toEqual([404, 400])
})

it('gives what something names, and fetches it once', async () => {
  const { book, stored, gets } = openBook()
  const bytes = container('a token’s')
  const { root } = fileRootOf(bytes)
  stored.set(root, bytes)
  await expect(book.get(root)).rejects.toMatchObject({ code: 'input_not_found' })
  book.learn({ root, sizeBytes: bytes.length })
  expect(await Promise.all([book.get(root), book.get(root)])).toEqual([bytes, bytes])
  expect([await book.get(root), gets()]).toEqual([bytes, 1])
})

it('says why there is no token, and lets nobody into a private pool without it', async () => {
  const desk = noInft('The chain is away.')
  const app = new Hono()
  app.onError(errorResponse)
  app.on(
    'POST',
    privatePaths,
    privateDoor({ ...desk, isPrivate: true }, () => () => {}),
  )
  app.post('*', c => c.text('served'))
  app.route('/api', inftRoutes({ desk, addressOf: () => 'here', clock: createManualClock() }))
  expect(await (await app.request('/api/inft')).json()).toEqual({ mode: 'none', why: 'The chain is away.' })
  expect((await app.request('/api/inft/tokens/1')).status).toBe(503)
  const statuses = privatePaths.map(async path => (await app.request(path, { method: 'POST' })).status)
  expect(await Promise.all(statuses)).toEqual(privatePaths.map(() => 503))
  expect(await (await app.request('/v1/sessions/recover', { method: 'POST' })).text()).toBe('served')
})
