/** Parts on a real disk, from a real server that cuts connections and lies: OPFS and Cache Storage keep what the port promises. */
import { createHash, randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { PackPlaces } from '@computepool/shared/model'
import { storageContract } from '@computepool/shared/testing'
import { type Browser, expect, type Page, test } from '@playwright/test'
import type { ArtifactsCall } from '../../web/testing/artifacts-harness-calls.ts'
import { serveBundledHarness } from '../harness/serve-bundled-harness.ts'
import type { Harness } from '../harness/serve-harness.ts'

const contents = randomBytes(3_000_000)
const file = {
  path: 'layer-0.bin',
  sizeBytes: contents.length,
  sha256: createHash('sha256').update(contents).digest('hex'),
}
const lie = Buffer.from(contents)
lie[1_000_000]! ^= 1

interface Behaviour {
  readonly body?: Buffer
  readonly cutAfter?: number
  readonly ignoresRange?: boolean
}

let harness: Harness
let server: Server
let url: string
/** How the server treats its n-th request of a test. */
let behave: (earlier: number) => Behaviour
let asked: number[]

test.beforeAll(async () => {
  harness = await serveBundledHarness('artifacts-harness.html')
  server = createServer((request, response) => {
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')
    const isPreflight = request.method === 'OPTIONS'
    const { body = contents, cutAfter, ignoresRange = false } = isPreflight ? {} : behave(asked.length)
    const start = ignoresRange ? 0 : Number(range?.[1] ?? 0)
    const headers = {
      'access-control-allow-origin': '*',
      'access-control-allow-headers': 'range',
      'access-control-expose-headers': 'content-range',
      'cross-origin-resource-policy': 'cross-origin',
    }
    if (isPreflight) {
      response.writeHead(204, headers).end()
      return
    }
    asked.push(start)
    response.writeHead(start > 0 ? 206 : 200, {
      ...headers,
      'content-length': body.length - start,
      ...(start > 0 ? { 'content-range': `bytes ${start}-${body.length - 1}/${body.length}` } : {}),
    })
    if (cutAfter === undefined) response.end(body.subarray(start))
    else response.write(body.subarray(start, start + cutAfter), () => setTimeout(() => response.destroy(), 50))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/layer-0.bin`
})
test.afterAll(async () => {
  await harness?.close()
  server?.closeAllConnections()
  server?.close()
})
test.beforeEach(() => {
  behave = () => ({})
  asked = []
})

/** A fresh visitor: nothing is stored. */
async function openPage(browser: Browser): Promise<Page> {
  const page = await (await browser.newContext()).newPage()
  await visit(page)
  return page
}
async function visit(page: Page): Promise<void> {
  await page.goto(`${harness.origin}artifacts-harness.html`)
  await page.waitForFunction(() => 'callArtifacts' in globalThis)
}
const call = (page: Page, what: ArtifactsCall): Promise<unknown> =>
  page.evaluate(
    given => (globalThis as unknown as { callArtifacts(call: ArtifactsCall): Promise<unknown> }).callArtifacts(given),
    what,
  )
const obtained = (isCached: boolean) => ({ isCached, fallbacks: [], sha256: file.sha256 })

for (const kind of ['opfs', 'cache'] as const) {
  test(`${kind} keeps the storage contract`, async ({ browser }) => {
    const page = await openPage(browser)
    for (const { name } of storageContract)
      expect(await call(page, { type: 'contract', kind, caseName: name }), name).toBe('passed')
    await page.context().close()
  })
}

test('a tab keeps its parts on disk first, in memory last', async ({ browser }) => {
  const page = await openPage(browser)
  expect(await call(page, { type: 'kinds' })).toEqual(['opfs', 'memory'])
  await page.context().close()
})

test('a download goes on after cut connections, and is on disk at the next visit', async ({ browser }) => {
  behave = earlier => (earlier < 2 ? { cutAfter: 1_000_000 } : {})
  const page = await openPage(browser)
  expect(await call(page, { type: 'obtain', url, file })).toEqual(obtained(false))
  expect(asked[0]).toBe(0)
  expect(asked.at(-1)).toBeGreaterThan(0)
  const count = asked.length
  await visit(page)
  expect(await call(page, { type: 'obtain', url, file })).toEqual(obtained(true))
  expect(asked).toHaveLength(count)
  await page.context().close()
})

test('a download that a reload cut short resumes from the partial file', async ({ browser }) => {
  behave = earlier => (earlier === 0 ? { cutAfter: 1_500_000 } : {})
  const page = await openPage(browser)
  await call(page, { type: 'obtain', url, file, stopAfter: 500_000 })
  await visit(page)
  expect(await call(page, { type: 'obtain', url, file })).toEqual(obtained(false))
  expect(asked).toHaveLength(2)
  expect(asked[1]).toBeGreaterThanOrEqual(500_000)
  await page.context().close()
})

test('a server without ranges costs a second start, no more', async ({ browser }) => {
  behave = earlier => ({ ignoresRange: true, ...(earlier === 0 ? { cutAfter: 1_000_000 } : {}) })
  const page = await openPage(browser)
  expect(await call(page, { type: 'obtain', url, file })).toEqual(obtained(false))
  await page.context().close()
})

test('a server that lies is asked once more, then refused by name', async ({ browser }) => {
  behave = () => ({ body: lie })
  const page = await openPage(browser)
  expect(await call(page, { type: 'obtain', url, file })).toMatchObject({ code: 'artifact_digest_mismatch' })
  expect(asked).toEqual([0, 0])
  await page.context().close()
})

test('a part that its pool lost half-way comes from a gateway of another origin, piece by piece', async ({
  browser,
}) => {
  // As 0G's: it lets any page ask, and allows and exposes no header beyond what every page may use.
  const cutAt = 1_200_000
  const ranges: (string | undefined)[] = []
  const gateway = createServer((request, response) => {
    if (request.method !== 'GET') return response.writeHead(405).end()
    const isFirst = request.url!.endsWith('1'.repeat(64))
    const piece = isFirst ? contents.subarray(0, cutAt) : contents.subarray(cutAt)
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    ranges.push(request.headers.range)
    response.writeHead(start > 0 ? 206 : 200, {
      'access-control-allow-origin': '*',
      ...(start > 0 ? { 'content-range': `bytes ${start}-${piece.length - 1}/${piece.length}` } : {}),
    })
    return response.end(piece.subarray(start))
  })
  await new Promise<void>(resolve => gateway.listen(0, '127.0.0.1', resolve))
  const places: PackPlaces = {
    ...{ format: 'computepool-places', version: 1, manifestSha256: 'a'.repeat(64), isStandIn: true, chainId: 31337 },
    ...{ gateways: [`http://127.0.0.1:${(gateway.address() as AddressInfo).port}`], isFirst: false },
    parts: [
      {
        sha256: file.sha256,
        pieces: [
          { root: `0x${'1'.repeat(64)}`, sizeBytes: cutAt },
          { root: `0x${'2'.repeat(64)}`, sizeBytes: contents.length - cutAt },
        ],
      },
    ],
  }
  behave = earlier => (earlier === 0 ? { cutAfter: 1_000_000 } : { cutAfter: 0 })
  const page = await openPage(browser)
  expect(await call(page, { type: 'obtain', url, file, places })).toEqual(obtained(false))
  expect(ranges).toEqual([expect.stringMatching(/^bytes=\d+-$/), undefined])
  await page.context().close()
  gateway.closeAllConnections()
  gateway.close()
})

test('a part that rotted on disk is noticed and fetched anew', async ({ browser }) => {
  const page = await openPage(browser)
  await call(page, { type: 'obtain', url, file })
  await visit(page)
  await call(page, { type: 'rot', sha256: file.sha256, offset: 2_000_000 })
  expect(await call(page, { type: 'obtain', url, file })).toEqual(obtained(false))
  expect(asked).toHaveLength(2)
  await page.context().close()
})

test('a full disk sends the part to memory, with a reason', async ({ browser }) => {
  const page = await openPage(browser)
  const session = await page.context().newCDPSession(page)
  await session.send('Storage.overrideQuotaForOrigin', {
    origin: harness.origin.replace(/\/$/, ''),
    quotaSize: 1_000_000,
  })
  expect(await call(page, { type: 'obtain', url, file })).toEqual({
    ...obtained(false),
    fallbacks: ['artifact_quota_exceeded'],
  })
  await page.context().close()
})

test('two tabs of one browser share a part: one fetches, both use it', async ({ browser }) => {
  const page = await openPage(browser)
  const other = await page.context().newPage()
  await visit(other)
  const results = await Promise.all([page, other].map(tab => call(tab, { type: 'obtain', url, file })))
  for (const result of results) expect(result).toMatchObject({ sha256: file.sha256 })
  expect(asked).toEqual([0])
  await page.context().close()
})
