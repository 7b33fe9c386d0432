import { describe, expect, it } from 'vitest'
import { fakePeerId } from '../../testing/fake-tab.ts'
import { createTestPool, type TestPool } from '../../testing/test-pool.ts'
import type { MoneyDesk, Till } from '../payments/till.ts'
import type { ChromeTrace } from './chrome-trace.ts'

const traceOf = (pool: TestPool, id: string, headers: Record<string, string> = {}) =>
  pool.app.request(`/api/requests/${id}/trace`, { headers })
const metricsOf = async (pool: TestPool): Promise<string[]> =>
  (await (await pool.app.request('/metrics')).text()).split('\n')

/** An answer of three tokens: submitted at 0, flowing at 4, tokens at 20, 32 and 44 ms. */
async function answer(pool: TestPool): Promise<string> {
  const [entry] = await pool.joinTabs(2)
  const response = pool.chat({ stream: true })
  const { requestId } = await entry!.nextJob()
  await pool.clock.advance(4)
  entry!.flow(requestId)
  await pool.clock.advance(16)
  entry!.token(requestId, 0, 50)
  await pool.clock.advance(12)
  entry!.token(requestId, 1, 51)
  await pool.clock.advance(12)
  entry!.token(requestId, 2, 52)
  entry!.finish(requestId, 'length')
  const headers = (await response).headers
  await (await response).text()
  return headers.get('x-request-id')!
}

describe('GET /api/requests/ID/trace', () => {
  it('tells of a request whose id the answer’s headers gave: each seat’s part in each lap', async () => {
    const pool = createTestPool()
    const response = await traceOf(pool, await answer(pool))
    expect(response.status).toBe(200)
    expect(response.headers.get('content-disposition')).toMatch(
      /^attachment; filename="computepool-[0-9a-f]{24}\.trace\.json"$/,
    )
    const { traceEvents, otherData } = (await response.json()) as ChromeTrace
    const computing = traceEvents.filter(({ ph, tid }) => ph === 'X' && tid === 41)
    expect(computing.map(({ name, pid, ts, dur }) => [name, pid, ts, dur])).toEqual([
      ['prompt', 2, 10_000, 3000],
      ['prompt', 3, 15_000, 4000],
      ['lap 1', 2, 22_000, 3000],
      ['lap 1', 3, 27_000, 4000],
      ['lap 2', 2, 34_000, 3000],
      ['lap 2', 3, 39_000, 4000],
    ])
    expect(otherData).toMatchObject({ laps: 3, tokens: 3, outcome: 'length' })
    const named = traceEvents.filter(({ name }) => name === 'process_name').map(({ args }) => args?.name)
    expect(named).toContain(`seat 0: layers 0–1, wasm, ${fakePeerId(1)}`)
  })

  it('tells of both rings where one was lost, and of the silence between; and counts it', async () => {
    const pool = createTestPool()
    const [entry, exit] = await pool.joinTabs(2)
    pool.hub.tab(3, { model: pool.model }).join()
    await pool.clock.settle()
    const response = pool.chat({ stream: true, max_tokens: 2 })
    const first = await entry!.nextJob()
    await pool.clock.advance(20)
    entry!.token(first.requestId, 0, 50)
    await pool.clock.advance(10)
    exit!.leave()
    await pool.clock.advance(6000)
    const second = await entry!.nextJob()
    entry!.token(second.requestId, 0, 51)
    entry!.finish(second.requestId, 'length')
    const id = (await response).headers.get('x-request-id')!
    await (await response).text()
    const { traceEvents, otherData } = (await (await traceOf(pool, id)).json()) as ChromeTrace
    expect(otherData).toMatchObject({ requestId: id, attempts: 2, tokens: 2, outcome: 'length' })
    const told = traceEvents.filter(({ ph, pid, tid }) => ph === 'X' && pid === 1 && tid === 1)
    expect(told.map(({ name }) => name)).toEqual(['queued and sent', 'attempt 1', 'waiting for another attempt'])
    const named = traceEvents.filter(({ name }) => name === 'process_name').map(({ args }) => args?.name)
    expect(named).toContain(`seat 1: layers 2–3, wasm, ${fakePeerId(3)}`)
    expect(await metricsOf(pool)).toEqual(
      expect.arrayContaining([
        'computepool_requests_total{outcome="length"} 1',
        'computepool_request_moves_total 1',
        'computepool_move_silence_seconds_count 1',
        'computepool_move_silence_seconds_sum 6.01',
        'computepool_tokens_total 2',
      ]),
    )
  })

  it('holds no word of prompt or answer', async () => {
    const pool = createTestPool()
    const text = await (await traceOf(pool, await answer(pool))).text()
    expect(text).not.toMatch(/"token"|"sampled"|logprob|127\.0\.0\.1/)
  })

  it('refuses an id that it does not know, typed', async () => {
    const pool = createTestPool()
    const response = await traceOf(pool, 'nobody')
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({ error: { code: 'input_not_found' } })
  })

  it('gives a paid request’s to its session and to the owner, to nobody else', async () => {
    const ownerToken = 'token-of-the-owner'
    const known = new Map([
      ['payer', '0xaa'],
      ['other', '0xbb'],
    ])
    let requestId = ''
    const till = {
      tokens: { sessionOf: (token: string) => known.get(token) ?? null },
      ledger: {
        receipt: async (session: string) => ({ requests: session === '0xaa' ? [{ requestId }] : [] }),
      },
      gate: { enter: () => async () => null },
    } as unknown as Till
    const money: MoneyDesk = { mode: 'paid', till: () => till, ownerToken }
    const pool = createTestPool({}, { moneyFor: () => money })
    requestId = await answer(pool)
    const statuses: number[] = []
    for (const token of ['payer', ownerToken, 'other', 'forged']) {
      statuses.push((await traceOf(pool, requestId, { authorization: `Bearer ${token}` })).status)
    }
    expect(statuses).toEqual([200, 200, 404, 404])
    expect((await traceOf(pool, requestId)).status).toBe(404)
  })
})

describe('GET /metrics', () => {
  it('counts what was done', async () => {
    const pool = createTestPool()
    await answer(pool)
    const lines = await metricsOf(pool)
    expect(lines).toEqual(
      expect.arrayContaining([
        'computepool_requests_total{outcome="length"} 1',
        'computepool_tokens_total 3',
        'computepool_requests_running 0',
        'computepool_ready 1',
        'computepool_peers{phase="ready"} 2',
        'computepool_time_to_first_token_seconds_sum 0.02',
        'computepool_time_between_tokens_seconds_count 2',
        'computepool_time_between_tokens_seconds_sum 0.024',
        'computepool_lap_seconds_count 3',
        'computepool_seat_compute_seconds_sum{seat="1"} 0.012',
        'computepool_seat_queue_seconds_count{seat="0"} 3',
        'computepool_link_round_trip_seconds{seat="0"} 0.002',
      ]),
    )
    expect(lines.some(line => /^process_resident_memory_bytes [1-9]/.test(line))).toBe(true)
  })

  it('tells how long a ring took to form', async () => {
    const pool = createTestPool()
    const tabs = await pool.joinTabs(2, { isEager: false })
    await pool.clock.advance(300)
    for (const tab of tabs) tab.ready()
    for (const tab of tabs) tab.openLinks()
    await pool.clock.settle()
    expect(await metricsOf(pool)).toContain('computepool_ring_formation_seconds_sum 0.3')
  })

  it('counts what the desk refused, by code', async () => {
    const pool = createTestPool()
    expect((await pool.chat({})).status).toBe(503)
    expect(await metricsOf(pool)).toContain('computepool_requests_refused_total{code="swarm_layers_missing"} 1')
  })

  it('names no request, no peer and no address', async () => {
    const pool = createTestPool()
    const id = await answer(pool)
    const text = (await metricsOf(pool)).join('\n')
    expect(text).not.toMatch(new RegExp(`${id}|0x0000|127\\.0\\.0`))
  })

  const scrape = async (pool: TestPool, headers: Record<string, string>) =>
    (await pool.app.request('/metrics', { headers })).status

  it('is for this machine; behind a proxy, and from elsewhere, for a token', async () => {
    const pool = createTestPool({ metricsToken: 'a-token-for-scrapers' })
    expect(await scrape(pool, {})).toBe(200)
    expect(await scrape(pool, { 'x-forwarded-for': '203.0.113.9' })).toBe(401)
    expect(await scrape(pool, { 'x-forwarded-for': '203.0.113.9', authorization: 'Bearer wrong' })).toBe(401)
    expect(await scrape(pool, { 'x-forwarded-for': '203.0.113.9', authorization: 'Bearer a-token-for-scrapers' })).toBe(
      200,
    )
    const strange = createTestPool({}, { address: '203.0.113.9' })
    expect(await scrape(strange, {})).toBe(401)
    expect(await scrape(strange, { authorization: 'Bearer ' })).toBe(401)
  })
})
