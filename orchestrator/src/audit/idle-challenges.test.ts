import type { RequestJob } from '@computepool/shared/pipeline'
import { createSeededRandom } from '@computepool/shared/testing'
import { describe, expect, it } from 'vitest'
import { type AuditedPool, type AuditedPoolOptions, openAuditedPool } from '../../testing/audited-pool.ts'
import { drawChallenge, longestChallenge } from './draw-challenge.ts'

const everyMs = 600_000
const open = (options: AuditedPoolOptions = {}) => openAuditedPool({ challengeEveryMs: everyMs, ...options })

const figures = (pool: AuditedPool) => pool.pool.desk.snapshot().checks!
const jobs = (pool: AuditedPool): readonly RequestJob[] => pool.seats[0]!.jobs
const metrics = async ({ pool }: AuditedPool): Promise<string> => (await pool.app.request('/metrics')).text()

/** The entry answers the next job, whole. */
async function serve(pool: AuditedPool): Promise<RequestJob> {
  const [entry] = pool.seats
  const job = await entry!.nextJob()
  entry!.flow(job.requestId)
  entry!.draw(job, job.maxTokens)
  entry!.finish(job.requestId, 'length')
  await pool.pool.clock.settle()
  return job
}

describe('a ring that has just become ready', () => {
  it('is asked something that looks like a request, and all its seats are checked to the end', async () => {
    const pool = await open()
    expect(jobs(pool)).toHaveLength(1)
    const job = await serve(pool)
    const { auditor, check } = await pool.next(1)
    expect(check.plan.terms.policies).toEqual([0, 1].map(() => expect.objectContaining({ rate: 1, endShare: 1 })))
    expect(check.plan).toMatchObject({
      endPosition: job.promptTokens.length + job.maxTokens - 1,
      positions: job.promptTokens.length + job.maxTokens - 1,
    })
    await pool.report(auditor, check, 'agreed')
    expect(pool.checks()).toEqual({ drawn: 2, agreed: 2, challenges: 1 })
    // What a user's request has, and nothing else.
    await pool.answer()
    const { requestId, nonce, ...asked } = jobs(pool).at(-1)!
    expect(
      Object.keys(job)
        .filter(key => key !== 'keepCache')
        .sort(),
    ).toEqual(['requestId', 'nonce', ...Object.keys(asked)].filter(key => key !== 'keepCache').sort())
    expect([job.requestId.length, job.nonce!.length]).toEqual([requestId.length, nonce!.length])
    expect(job.stopTokens).toEqual(asked.stopTokens)
  })

  it('is asked no request of a user: nothing is counted, shown or credited as served', async () => {
    const pool = await open()
    const { activeRequests, queuedRequests, seats } = pool.pool.desk.snapshot()
    expect([activeRequests, queuedRequests]).toEqual([0, 0])
    const weights = seats.map(({ standing }) => standing?.trust)
    const { requestId } = await serve(pool)
    await pool.reportAll('unjudged')
    const { laps, seats: after } = pool.pool.desk.snapshot()
    expect([laps, after.map(({ standing }) => standing?.trust)]).toEqual([0, weights])
    const text = await metrics(pool)
    expect(text).toContain('computepool_challenges_total 1')
    expect(text).not.toMatch(/^computepool_(requests|tokens|receipts|prompt_tokens)_total.* [1-9]/m)
    expect((await pool.pool.app.request(`/api/requests/${requestId}/trace`)).status).toBe(404)
  })

  it('is asked nothing before somebody is here who could check the answer', async () => {
    const pool = await open({ auditors: 0 })
    expect([jobs(pool), figures(pool).challenges]).toEqual([[], 0])
    const auditor = pool.pool.hub.tab(50, { model: pool.pool.model, role: 'auditor' })
    auditor.join()
    await pool.pool.clock.settle()
    expect(jobs(pool)).toHaveLength(1)
  })

  it('is asked nothing by a pool that was not told to', async () => {
    const pool = await openAuditedPool()
    await pool.pool.clock.advance(2 * everyMs)
    expect(jobs(pool)).toEqual([])
    expect(figures(pool)).not.toHaveProperty('challenges')
  })
})

describe('a challenge', () => {
  it('gives way to a user at once, and nobody loses anything by it', async () => {
    const pool = await open()
    const [entry, exit] = pool.seats
    const job = await entry!.nextJob()
    entry!.flow(job.requestId)
    entry!.draw(job, 2)
    await pool.answer()
    const [cancelled, started] = ['cancel-request', 'run-request'].map(type =>
      entry!.commands.findLastIndex(command => command.type === type),
    )
    expect(entry!.commands[cancelled!]).toMatchObject({ requestId: job.requestId })
    expect(cancelled).toBeLessThan(started!)
    // Neither of the two ever signs for it.
    await pool.reportAll('agreed')
    await pool.pool.clock.advance(200_000)
    expect(pool.checks()).toEqual({ drawn: 2, agreed: 2 })
    for (const { peer } of [entry!, exit!]) expect(pool.pool.desk.withheld.isWithheld(peer.slice(0, 42))).toBe(false)
  })

  it('comes again after ten minutes without an answer, and not while one runs', async () => {
    const pool = await open()
    await serve(pool)
    await pool.reportAll('agreed')
    await pool.pool.clock.advance(everyMs / 2)
    await pool.answer()
    await pool.reportAll('agreed')
    await pool.pool.clock.advance(everyMs - 1000)
    expect(jobs(pool)).toHaveLength(2)
    const reply = pool.pool.chat({ max_tokens: 3 })
    await pool.pool.clock.advance(30_000)
    expect(jobs(pool)).toHaveLength(3)
    await serve(pool)
    await (await reply).json()
    await pool.reportAll('agreed')
    await pool.pool.clock.advance(everyMs - 1000)
    expect(jobs(pool)).toHaveLength(3)
    await pool.pool.clock.advance(2000)
    expect(jobs(pool)).toHaveLength(4)
    expect(pool.pool.desk.snapshot().activeRequests).toBe(0)
  })

  it('that a ring does not answer, or refuses, is given up without harm', async () => {
    const pool = await open()
    await pool.pool.clock.advance(60_000)
    expect(pool.seats[0]!.cancelled).toEqual([jobs(pool)[0]!.requestId])
    await pool.pool.clock.advance(everyMs)
    const { requestId } = jobs(pool)[1]!
    pool.seats[0]!.say({
      ...{ type: 'request-failed', requestId },
      error: { code: 'swarm_busy', message: 'Busy.', remedy: 'Wait.', context: {} } as never,
    })
    await pool.pool.clock.advance(200_000)
    expect([pool.checks(), pool.breaches]).toEqual([{}, []])
    expect(pool.pool.desk.snapshot().status).toBe('ready')
  })

  it('that comes out otherwise convicts, as any check does', async () => {
    const pool = await open()
    const { requestId } = await serve(pool)
    const { auditor, check } = await pool.next(1)
    await pool.accuse(auditor, check)
    for (const other of pool.auditors) {
      for (const command of other.commands) {
        if (command.type !== 'judge-evidence') continue
        const { check, sha256 } = command
        other.say({ type: 'evidence-judged', check, sha256, verdict: 'guilty', words: '' })
      }
    }
    await pool.pool.clock.settle()
    expect(pool.breaches).toMatchObject([{ peer: pool.seats[1]!.peer, requestId, what: 'wrong-output' }])
    expect(pool.pool.desk.snapshot().explanation).toContain('its standing bars it')
  })
})

describe('what a challenge asks', () => {
  it('is of the vocabulary, of varying length, and another with each seed', () => {
    const entropy = createSeededRandom(3)
    const drawn = Array.from({ length: 200 }, () => drawChallenge(entropy, { vocab: 1000, stopTokens: [7] }))
    const tokens = drawn.flatMap(({ promptTokens }) => promptTokens)
    expect(tokens.every(token => Number.isInteger(token) && token >= 0 && token < 1000)).toBe(true)
    expect(new Set(tokens).size).toBeGreaterThan(950)
    expect(new Set(drawn.map(({ promptTokens }) => promptTokens.join())).size).toBe(200)
    expect(new Set(drawn.map(({ promptTokens }) => promptTokens.length)).size).toBeGreaterThan(20)
    expect(Math.max(...drawn.map(({ promptTokens, maxTokens }) => promptTokens.length + maxTokens))).toBe(
      longestChallenge,
    )
  })
})
