import { createManualClock } from '@computepool/shared/testing'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openMemoryLedger } from '../../testing/open-memory-ledger.ts'
import type { OpenDatabase } from '../store/database.ts'
import { keeperCallbackTokensTable } from '../store/keeper-tables.ts'
import { callbackPath, callbackRoutes } from './callback-routes.ts'
import { type CallbackTokens, createCallbackTokens } from './callback-tokens.ts'

const address = `https://pool.example${callbackPath}`
const secret = 'a secret of the test'

let database: OpenDatabase
let clock: ReturnType<typeof createManualClock>
let tokens: CallbackTokens
let hints: string[]
let send: (token: string | null, body: unknown, headers?: Record<string, string>) => Promise<number>

beforeAll(async () => {
  database = await openMemoryLedger()
})
afterAll(() => database.close())
beforeEach(async () => {
  await database.db.execute(sql`TRUNCATE keeper_callback_tokens`)
  clock = createManualClock()
  hints = []
  tokens = createCallbackTokens({ db: database.db, clock, secret, lifetimeMs: 3_600_000 })
  const routes = callbackRoutes({ tokens, onHint: outboxId => hints.push(outboxId) })
  send = async (token, body, headers = {}) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const authorization: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` }
    const response = await routes.request(address, {
      method: 'POST',
      body: text,
      headers: { ...authorization, ...headers },
    })
    return response.status
  }
})

const subject = { outboxId: 'row-1', transition: 'stream-start' }
const body = { event: 'stream-start', outbox_id: 'row-1' }

describe('a callback', () => {
  it('is a hint, once', async () => {
    const token = await tokens.issue(subject)
    expect(await send(token, body)).toBe(200)
    expect(await send(token, body)).toBe(401)
    expect(hints).toEqual(['row-1'])
  })

  it('is a hint once, however many arrive at once', async () => {
    const token = await tokens.issue(subject)
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(token, body)))
    expect(answers.filter(status => status === 200)).toHaveLength(1)
    expect(hints).toEqual(['row-1'])
  })

  it.each([
    ['without a token', null, body],
    ['with a made-up token', 'made-up', body],
    ['for another transition', undefined, { ...body, event: 'stream-stop' }],
    ['for another row', undefined, { ...body, outbox_id: 'row-2' }],
    ['with more than it may say', undefined, { ...body, status: 'success' }],
    ['that says nothing', undefined, ''],
    ['that is no JSON', undefined, '<html>'],
  ])('%s changes nothing', async (_, given, sent) => {
    const token = await tokens.issue(subject)
    await tokens.issue({ ...subject, outboxId: 'row-2' })
    expect(await send(given === undefined ? token : given, sent)).toBe(401)
    expect(hints).toEqual([])
    // The token was not used up by it: the real one still counts.
    expect(await send(token, body)).toBe(200)
  })

  it('that is too long is not read to its end', async () => {
    const token = await tokens.issue(subject)
    expect(await send(token, { ...body, event: 'x'.repeat(5000) })).toBe(413)
    expect(hints).toEqual([])
  })

  it('that comes too late changes nothing', async () => {
    const token = await tokens.issue(subject)
    await clock.advance(3_600_000)
    expect(await send(token, body)).toBe(401)
    expect(hints).toEqual([])
  })

  it('has the same token for a retry, which stays used when it was used', async () => {
    const token = await tokens.issue(subject)
    await clock.advance(3_000_000)
    expect(await tokens.issue(subject)).toBe(token)
    await clock.advance(3_000_000)
    expect(await send(token, body)).toBe(200)
    expect(await tokens.issue(subject)).toBe(token)
    expect(await send(token, body)).toBe(401)
    expect(hints).toEqual(['row-1'])
  })

  it('has a token that the database does not tell', async () => {
    const token = await tokens.issue(subject)
    const rows = await database.db.execute(sql`SELECT * FROM keeper_callback_tokens`)
    expect(JSON.stringify(rows)).not.toContain(token)
  })

  it('has tokens that are forgotten a day after their end, when others are made', async () => {
    const count = () => database.db.$count(keeperCallbackTokensTable)
    for (let row = 0; row < 3; row++) await tokens.issue({ ...subject, outboxId: `row-${row}` })
    await clock.advance(25 * 3_600_000 - 1)
    await tokens.issue({ ...subject, outboxId: 'late' })
    expect(await count()).toBe(4)
    await clock.advance(3_600_001)
    await tokens.issue({ ...subject, outboxId: 'later' })
    expect(await count()).toBe(2)
  })
})
