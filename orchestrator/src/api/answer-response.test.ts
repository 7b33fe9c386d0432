import { describe, expect, it } from 'vitest'
import { createTestPool } from '../../testing/test-pool.ts'
import type { LiveRequest } from '../dispatch/index.ts'
import type { MeteredRequest } from '../payments/meter.ts'
import { type Admission, admitAndSubmit, type CacheNarrowing } from './answer-response.ts'
import type { Asker } from './model-service.ts'

/** Whose turn a call takes, and whose caches it may begin with. */
async function askerOf(
  who: Partial<Admission> | null,
  body: CacheNarrowing = {},
  address = '10.0.0.1',
): Promise<Asker> {
  let asked: Asker | null = null
  const prepared = {
    size: { promptTokens: 1, maxTokens: 1 },
    submit: (asker: Asker) => {
      asked = asker
      return {} as LiveRequest
    },
  }
  const admit = async () =>
    who === null ? null : ({ request: {} as MeteredRequest, headers: {}, ...who } as Admission)
  await admitAndSubmit(prepared, { admit, address }, body)
  return asked!
}

const paid = { sessionId: '0xs1', payer: '0xpayer' }

describe('whoever asks', () => {
  it('takes a turn as its session, or as its address where work is free', async () => {
    const askers = [await askerOf(paid), await askerOf({ ...paid, sessionId: '0xs2' }), await askerOf(null)]
    expect(askers.map(({ client }) => client)).toEqual(['session 0xs1', 'session 0xs2', 'address 10.0.0.1'])
  })

  it('shares caches with all sessions of its payer, and with nobody else', async () => {
    const scopes = await Promise.all([
      askerOf(paid),
      askerOf({ ...paid, sessionId: '0xs2' }, {}, '10.0.0.2'),
      askerOf({ ...paid, payer: '0xother' }),
      askerOf(null),
      askerOf(null, {}, '10.0.0.2'),
    ])
    const [own, again, ...others] = scopes.map(({ cacheScope }) => cacheScope)
    expect(again).toBe(own)
    expect(new Set([own, ...others]).size).toBe(4)
  })

  it.each([
    ['nothing', {}, false, true],
    ['X-Forwarded-For of anybody', { 'x-forwarded-for': '203.0.113.9' }, false, undefined],
    ['X-Forwarded-For of our own proxy', { 'x-forwarded-for': '203.0.113.9' }, true, true],
    ['another word of our own proxy', { 'cf-connecting-ip': '203.0.113.9' }, true, undefined],
  ])('has caches of its own where its address is its own: %s', async (_, headers, isProxyTrusted, keepCache) => {
    const pool = createTestPool({}, { isProxyTrusted })
    const [entry] = await pool.joinTabs(2)
    const body = JSON.stringify({ model: pool.model, messages: [{ role: 'user', content: 'Hi' }] })
    void pool.app.request('/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    })
    expect((await entry!.nextJob()).keepCache).toBe(keepCache)
  })

  it('can part its scope further, never widen it', async () => {
    const bodies: CacheNarrowing[] = [
      {},
      { user: 'a' },
      { prompt_cache_key: 'a' },
      { prompt_cache_key: 'a', user: 'b' },
      { prompt_cache_key: 'a","b' },
      { user: 'payer 0xother' },
    ]
    const scopes = await Promise.all(bodies.map(body => askerOf(paid, body)))
    const others = await Promise.all(bodies.map(body => askerOf({ ...paid, payer: '0xother' }, body)))
    expect(new Set([...scopes, ...others].map(({ cacheScope }) => cacheScope)).size).toBe(12)
  })
})
