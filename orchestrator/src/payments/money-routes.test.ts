import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { createTestPool } from '../../testing/test-pool.ts'
import type { Till } from './till.ts'

/** A pool whose till answers at once, for strangers of one address. */
function openPool(work: () => Promise<void> = async () => {}) {
  const earnings = async () => {
    await work()
    return { units: 0 }
  }
  const chainRoutes = new Hono().post('/chain', async c => {
    await work()
    return c.json({ result: '0x1' })
  })
  const till = { earnings, chainRoutes } as unknown as Till
  return createTestPool(
    { limitsFor: () => ({ perMinute: 1, concurrent: 1 }) },
    { moneyFor: () => ({ mode: 'paid', till: () => till, ownerToken: 'x' }) },
  )
}

const asks: Array<[string, number, number, string, RequestInit]> = [
  ['an operator’s earnings', 120, 8, `/api/operators/0x${'ab'.repeat(20)}/earnings`, {}],
  ['the chain', 1200, 32, '/api/chain', { method: 'POST', body: '{}' }],
]

describe.each(asks)('who asks for %s', (_name, perMinute, concurrent, path, init) => {
  it('too often is told to wait', async () => {
    const { app, clock } = openPool()
    const ask = async () => app.request(path, init)
    for (let at = 0; at < perMinute; at++) expect((await ask()).status).toBe(200)
    const reply = await ask()
    expect([reply.status, await reply.json()]).toMatchObject([429, { error: { code: 'rate_limit_exceeded' } }])
    expect(reply.headers.get('retry-after')).toBe('1')
    await clock.advance(60_000)
    expect((await ask()).status).toBe(200)
  })

  it('all at once waits for the first answers', async () => {
    let release = (): void => {}
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    const { app } = openPool(() => held)
    const asked = Array.from({ length: concurrent }, () => app.request(path, init))
    expect((await app.request(path, init)).status).toBe(429)
    release()
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(Array(concurrent).fill(200))
    expect((await app.request(path, init)).status).toBe(200)
  })
})
