import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestPool, type TestPool } from '../../testing/test-pool.ts'
import { parseRange } from './pack-routes.ts'

let root = ''
let pool: TestPool
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'computepool-page-'))
  const dist = join(root, 'dist')
  await mkdir(join(dist, 'assets'), { recursive: true })
  await writeFile(join(dist, 'index.html'), '<title>page</title>')
  await writeFile(join(dist, 'assets/app-1a2b.js'), 'export {}')
  await writeFile(join(root, 'secret.txt'), 'secret')
  pool = createTestPool({}, { pageFolder: dist })
})
afterAll(() => rm(root, { recursive: true }))

describe('the page', () => {
  it.each(['/', '/operate', '/chat', '/docs', '/trust', '/disputes', '/token', '/operate?join=1'])(
    'is served at %s',
    async path => {
      const response = await pool.app.request(path)
      expect([response.status, await response.text()]).toEqual([200, '<title>page</title>'])
    },
  )

  it('is isolated, so that WASM may have threads', async () => {
    const { headers } = await pool.app.request('/operate')
    expect(
      ['opener-policy', 'embedder-policy', 'resource-policy'].map(name => headers.get(`cross-origin-${name}`)),
    ).toEqual(['same-origin', 'require-corp', 'same-origin'])
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
  })

  it('keeps hashed files for ever, the page itself never', async () => {
    const script = await pool.app.request('/assets/app-1a2b.js')
    expect([script.headers.get('content-type'), script.headers.get('cache-control')]).toEqual([
      'text/javascript; charset=utf-8',
      'public, max-age=31536000, immutable',
    ])
    expect((await pool.app.request('/')).headers.get('cache-control')).toBe('no-cache')
  })

  it.each([
    '/assets/gone.js',
    '/nowhere',
    '/..%2fsecret.txt',
    '/%2e%2e/secret.txt',
    '/assets/..%2f..%2fsecret.txt',
    '/%00',
  ])('has nothing at %s', async path => {
    const response = await pool.app.request(path)
    expect([response.status, await response.text()]).toEqual([404, expect.not.stringContaining('<title>')])
  })

  it("answers a broken address as the caller's fault", async () => {
    const response = await pool.app.request('/%zz')
    expect([response.status, pool.faults]).toEqual([404, []])
  })

  it('says where it is missing', async () => {
    const response = await createTestPool().app.request('/')
    expect([response.status, await response.text()]).toEqual([503, expect.stringContaining('npm run build')])
  })
})

describe('cross-origin calls', () => {
  it('are open for the API by default, for named origins where configured', async () => {
    const headers = { origin: 'https://a.example' }
    const open = await pool.app.request('/v1/models', { headers })
    expect(open.headers.get('access-control-allow-origin')).toBe('*')
    const closed = createTestPool({ corsOrigins: ['https://b.example'] })
    const refused = await closed.app.request('/v1/models', { headers })
    expect(refused.headers.get('access-control-allow-origin')).toBeNull()
    const preflight = await pool.app.request('/v1/chat/completions', {
      method: 'OPTIONS',
      headers: {
        ...headers,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
    })
    expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([204, 'authorization'])
  })
})

describe('parseRange', () => {
  it.each([
    [null, 'whole'],
    ['bytes=0-9', [0, 10]],
    ['bytes=90-', [90, 100]],
    ['bytes=90-500', [90, 100]],
    ['bytes=-10', [90, 100]],
    ['bytes=-500', [0, 100]],
    ['bytes=100-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=9-5', 'whole'],
    ['bytes=0-1,5-6', 'whole'],
    ['lines=1-2', 'whole'],
  ])('reads %s of 100 bytes as %j', (header, expected) => {
    expect(parseRange(header, 100)).toEqual(expected)
  })
})
