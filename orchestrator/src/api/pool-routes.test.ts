import { poolSnapshotSchema } from '@computepool/shared/swarm'
import { describe, expect, it } from 'vitest'
import { openAuditedPool } from '../../testing/audited-pool.ts'
import { dataOf, readSse } from '../../testing/read-sse.ts'
import { createTestPool } from '../../testing/test-pool.ts'

const statusOf = (event: string | null): string => poolSnapshotSchema.parse(dataOf(event)).status

describe('GET /api/pool', () => {
  it('shows who holds what, and where the last token spent its time', async () => {
    const pool = createTestPool()
    const [entry] = await pool.joinTabs(2)
    void pool.chat({})
    const { requestId } = await entry!.nextJob()
    entry!.token(requestId, 0, 50)
    const response = await pool.app.request('/api/pool')
    const snapshot = poolSnapshotSchema.parse(await response.json())
    expect(snapshot).toMatchObject({
      status: 'ready',
      activeRequests: 1,
      laps: 1,
      seats: [
        { layers: { start: 0, end: 2 }, computeMs: 3, linkRttMs: 2, linkKind: 'webrtc' },
        { layers: { start: 2, end: 4 }, computeMs: 4 },
      ],
      lastLap: { lapMs: 10, wireMs: 2 },
    })
    // Whoever knows a request's id may have its trace.
    expect(JSON.stringify(snapshot)).not.toContain(requestId)
  })

  it('names who was convicted, with the way to the evidence', async () => {
    const { pool, seats, answer, next, accuse } = await openAuditedPool({ auditors: 1 })
    const shown = async () => poolSnapshotSchema.parse(await (await pool.app.request('/api/pool')).json())
    await answer()
    expect((await shown()).convicted).toEqual([])
    const { auditor, check } = await next(1)
    await accuse(auditor, check)
    // Nobody else is there to judge it.
    await pool.clock.advance(60_000)
    const { convicted, checks } = await shown()
    expect(convicted).toEqual([
      {
        ...{ operator: seats[1]!.peer.slice(0, 42), what: 'wrong-output', atMs: expect.any(Number) },
        evidencePath: expect.stringMatching(/^\/api\/evidence\/[0-9a-f]{64}$/),
      },
    ])
    expect(checks?.differs).toBe(1)
    expect((await pool.app.request(convicted![0]!.evidencePath!)).status).toBe(200)
  })

  it('says nothing of addresses, prompts or tokens', async () => {
    const pool = createTestPool()
    const [entry] = await pool.joinTabs(2)
    void pool.chat({ messages: [{ role: 'user', content: 'my secret' }] })
    const { requestId } = await entry!.nextJob()
    entry!.token(requestId, 0, 50)
    expect(await (await pool.app.request('/api/pool')).text()).not.toMatch(/secret|127\.0\.0\.1|"token"/)
  })
})

describe('GET /api/pool/events', () => {
  it('sends the state now, then each change, at most ten a second, the last one always', async () => {
    const pool = createTestPool()
    const events = readSse(await pool.app.request('/api/pool/events'))
    expect(statusOf(await events.next())).toBe('waiting')
    // Joining makes many changes within one instant.
    await pool.joinTabs(2)
    await pool.clock.advance(100)
    expect(statusOf(await events.next())).toBe('ready')
    await pool.clock.advance(100)
    pool.hub.tab(9, { model: pool.model }).join()
    expect(poolSnapshotSchema.parse(dataOf(await events.next()))).toMatchObject({ status: 'ready', waitingPeers: 1 })
    await events.cancel()
  })

  it('leaves nothing behind when the reader goes away', async () => {
    const pool = createTestPool()
    const events = readSse(await pool.app.request('/api/pool/events'))
    await events.next()
    await events.cancel()
    expect(pool.clock.pending).toBe(0)
  })
})
