/** What strangers can cost the pool: uploads, transfers, and bodies, by their caps; and a private pool while its token is not there. */
import { sealContainer } from '@computepool/shared/inft'
import type { StoredBlob } from '@computepool/shared/ports'
import { fileRootOf } from '@computepool/shared/storage0g'
import { createManualClock } from '@computepool/shared/testing'
import { Hono } from 'hono'
import type { Address, Hex } from 'viem'
import { expect, it } from 'vitest'
import { errorResponse } from '../api/openai-routes.ts'
import { createBlobBook, type Uploads } from './blob-book.ts'
import { noInft } from './inft-desk.ts'
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

function openBook() {
  const clock = createManualClock()
  const stored = new Map<Hex, Uint8Array>()
  let value: Uploads = []
  let gets = 0
  const book = createBlobBook({
    clock,
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
        const { root } = fileRootOf(bytes)
        stored.set(root, bytes)
        return { root, sizeBytes: bytes.length }
      },
      async get({ root }) {
        gets++
        return stored.get(root)!
      },
    },
  })
  return { book, clock, stored, gets: () => gets }
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

it('takes so many of all accounts together', async () => {
  const { book } = openBook()
  for (let index = 0; index < 120; index++) await book.put(container(`pool ${index}`), account(index))
  await expect(book.put(container('one more'), account(500))).rejects.toMatchObject({ code: 'swarm_busy' })
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
  app.on('POST', privatePaths, privateDoor({ ...desk, isPrivate: true }, () => () => {}))
  app.post('*', c => c.text('served'))
  app.route('/api', inftRoutes({ desk, addressOf: () => 'here', clock: createManualClock() }))
  expect(await (await app.request('/api/inft')).json()).toEqual({ mode: 'none', why: 'The chain is away.' })
  expect((await app.request('/api/inft/tokens/1')).status).toBe(503)
  const statuses = privatePaths.map(async path => (await app.request(path, { method: 'POST' })).status)
  expect(await Promise.all(statuses)).toEqual(privatePaths.map(() => 503))
  expect(await (await app.request('/v1/sessions/recover', { method: 'POST' })).text()).toBe('served')
})
