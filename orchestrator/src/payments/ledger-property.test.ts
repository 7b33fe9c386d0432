/** Any order of commands keeps the ledger's laws; and the same commands leave the same rows on both kinds of database. */
import { ComputePoolError } from '@computepool/shared/errors'
import { createManualClock } from '@computepool/shared/testing'
import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import { asc, sql } from 'drizzle-orm'
import fc from 'fast-check'
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openMemoryLedger } from '../../testing/open-memory-ledger.ts'
import { type Database, type OpenDatabase, openDatabase } from '../store/database.ts'
import { outboxTable, requestsTable, sessionEventsTable, sessionsTable } from '../store/ledger-tables.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { sessionIdOf } from './voucher.ts'

const payer: Hex = `0x${'b1'.repeat(20)}`
const terms = { vault: `0x${'aa'.repeat(20)}`, leaseSeconds: 30, bufferSeconds: 60, sessionSeconds: 3600 }
const nonceOf = (at: number): Hex => `0x${at.toString(16).padStart(64, '0')}`
const idOf = (at: number): Hex => sessionIdOf(payer, nonceOf(at))

/** A real server, where a person has one at hand. */
const ownServer = process.env.COMPUTEPOOL_TEST_DATABASE_URL

let embedded: OpenDatabase
let onServer: OpenDatabase
let stopServer: () => Promise<void>

beforeAll(async () => {
  const pglite = await PGlite.create()
  const server = new PGLiteSocketServer({ db: pglite, port: 0, host: '127.0.0.1', maxConnections: 8 })
  await server.start()
  stopServer = async () => {
    await server.stop()
    await pglite.close()
  }
  const databaseUrl = ownServer ?? `postgres://postgres:x@${server.getServerConn()}/postgres`
  onServer = await openDatabase({ databaseUrl })
  embedded = await openMemoryLedger()
})
afterAll(async () => {
  await onServer?.close()
  await embedded?.close()
  await stopServer?.()
})

const sessionAt = fc.integer({ min: 0, max: 3 })
const requestAt = fc.integer({ min: 0, max: 7 })
const command = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('admit' as const),
      session: sessionAt,
      cap: fc.integer({ min: 1, max: 9 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('open' as const, 'renew' as const), session: sessionAt }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('refuse' as const, 'close' as const, 'closed' as const),
      session: sessionAt,
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('start' as const), session: sessionAt, request: requestAt }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      session: sessionAt,
      request: requestAt,
      ms: fc.integer({ min: 0, max: 5000 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 3000 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
)
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never

const truncate = (db: Database) =>
  db.execute(
    sql`TRUNCATE sessions, requests, session_events, outbox, money_transactions, unit_sets, findings, ledger_facts RESTART IDENTITY`,
  )

/** Runs the commands, one after the other or all at once; what is refused is refused with a payment code. */
async function live(db: Database, commands: readonly Command[], isParallel: boolean): Promise<void> {
  await truncate(db)
  const clock = createManualClock()
  let ledger = createLedger({ db, clock, terms })
  const refusals: unknown[] = []
  const run = (each: Command): Promise<unknown> =>
    perform(ledger, each).catch((thrown: unknown) => void refusals.push(thrown))
  const pending: Promise<unknown>[] = []
  for (const each of commands) {
    if (each.do === 'wait') {
      if (!isParallel) await clock.advance(each.ms)
    } else if (each.do === 'restart') {
      await Promise.all(pending)
      ledger = createLedger({ db, clock, terms })
      await ledger.recover()
    } else if (isParallel) pending.push(run(each))
    else await run(each)
  }
  await Promise.all(pending)
  for (const refusal of refusals) {
    if (!(refusal instanceof ComputePoolError)) throw refusal
    // The only impossible step that the commands can ask for is to refuse or to close what is not theirs to.
    expect(refusal.code).toMatch(/^payment_|^bug_unreachable_state$/)
    if (refusal.code === 'bug_unreachable_state')
      expect(refusal.message).toMatch(/cannot take "(refused|closed|opened)"/)
  }
}

async function perform(ledger: Ledger, each: Command): Promise<unknown> {
  if (each.do === 'wait' || each.do === 'restart') return null
  const sessionId = idOf(each.session)
  const requestId = 'request' in each ? `${each.session}-${each.request}` : ''
  switch (each.do) {
    case 'admit':
      return ledger.admitVoucher({
        payer,
        nonce: nonceOf(each.session),
        capAtomic: BigInt(each.cap) * 1000n,
        validBefore: 2_000_000_000,
        voucher: {},
        origin: each.session % 2 === 0 ? 'session' : 'request',
        pricePerSecondAtomic: 777n,
      })
    case 'open':
      return ledger.confirmOpen(sessionId, {
        transaction: null,
        blockNumber: null,
        expiresAt: 1_900_000_000,
        pricePerSecondAtomic: 777n,
      })
    case 'refuse':
      return ledger.refuse(sessionId, 'no money')
    case 'close':
      return ledger.wantClose(sessionId, 'asked')
    case 'closed': {
      const row = await ledger.session(sessionId)
      if (row === null || row.state !== 'closing' || row.runningRequests > 0) return null
      return ledger.confirmClosed(sessionId, {
        dueAtomic: row.settledAtomic,
        refundedAtomic: row.capAtomic - row.settledAtomic,
      })
    }
    case 'renew':
      return ledger.renewTarget(sessionId, 'lease')
    case 'start':
      return ledger.startRequest({ sessionId, requestId })
    case 'end':
      return ledger.endRequest({ sessionId, requestId, meteredMs: each.ms, tokens: 1, stoppedBy: 'stop' })
  }
}

async function rowsOf(db: Database) {
  return {
    sessions: await db.select().from(sessionsTable).orderBy(asc(sessionsTable.id)),
    requests: await db.select().from(requestsTable).orderBy(asc(requestsTable.id)),
    events: await db
      .select()
      .from(sessionEventsTable)
      .orderBy(asc(sessionEventsTable.sessionId), asc(sessionEventsTable.seq)),
    outbox: await db.select().from(outboxTable).orderBy(asc(outboxTable.id)),
  }
}

async function checkLaws(db: Database): Promise<void> {
  const { sessions, requests, events, outbox } = await rowsOf(db)
  for (const session of sessions) {
    const own = requests.filter(({ sessionId }) => sessionId === session.id)
    const costs = own.reduce((sum, { costAtomic }) => sum + costAtomic, 0n)
    expect(costs).toBe(session.settledAtomic)
    expect(costs).toBeLessThanOrEqual(session.capAtomic)
    expect(own.filter(({ endedAtMs }) => endedAtMs === null)).toHaveLength(session.runningRequests)
    if (session.state === 'closed') expect(session.dueAtomic! + session.refundedAtomic!).toBe(session.capAtomic)
    if (session.state === 'streaming') expect(session.runningRequests).toBeGreaterThan(0)
    if (session.state === 'open') expect(session.runningRequests).toBe(0)
    const orders = outbox.filter(({ sessionId }) => sessionId === session.id)
    expect(orders.map(({ epoch }) => epoch)).toEqual(orders.map((_, at) => at))
    const dues = orders.flatMap(({ payload }) => {
      const due = (payload as { dueAtomic?: string }).dueAtomic
      return due === undefined ? [] : [BigInt(due)]
    })
    expect([...dues].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))).toEqual(dues)
    const last = dues.at(-1)
    if (last !== undefined && session.runningRequests === 0) expect(last).toBe(session.settledAtomic)
    const sequence = events.filter(({ sessionId }) => sessionId === session.id).map(({ seq }) => seq)
    expect(sequence).toEqual(sequence.map((_, at) => at + 1))
  }
}

describe('any order of commands', () => {
  it('keeps the laws and leaves the same rows, embedded and on a server', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40 }), async commands => {
        await live(embedded.db, commands, false)
        await live(onServer.db, commands, false)
        await checkLaws(embedded.db)
        expect(await rowsOf(onServer.db)).toEqual(await rowsOf(embedded.db))
      }),
      { numRuns: 15 },
    )
  })

  // The socket in front of PGlite mixes up statements of several connections: only a real server can be asked this.
  it.each(['embedded', ...(ownServer === undefined ? [] : ['server'])])(
    'keeps the laws when all are given at once: %s',
    async place => {
      const { db } = place === 'server' ? onServer : embedded
      await fc.assert(
        fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40 }), async commands => {
          await live(db, commands, true)
          await checkLaws(db)
        }),
        { numRuns: 15 },
      )
    },
  )
})
