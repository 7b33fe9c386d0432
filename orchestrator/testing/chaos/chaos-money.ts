/**
 * Paid work in the chaos: the real meter over the real ledger, sessions of one payer that are open from the start, some with a small cap. In
 * the end the ledger's rows are held against the chaos's own book: each attempt once, for the time that it flowed, and nothing else.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import { requestCostAtomic, wholeMs } from '@computepool/shared/money'
import type { Clock } from '@computepool/shared/ports'
import { sql } from 'drizzle-orm'
import type { Hex } from 'viem'
import { createLedger } from '../../src/payments/ledger.ts'
import { createLedgerMeter } from '../../src/payments/ledger-meter.ts'
import { sessionIdOf } from '../../src/payments/voucher.ts'
import type { Database } from '../../src/store/database.ts'
import { requestsTable, sessionsTable } from '../../src/store/ledger-tables.ts'
import type { ChaosMoney } from './run-chaos.ts'

const payer: Hex = `0x${'b1'.repeat(20)}`
const terms = { vault: `0x${'aa'.repeat(20)}`, leaseSeconds: 30, bufferSeconds: 60, sessionSeconds: 3600 }
const pricePerSecondAtomic = 7_777n
const capsAtomic = [1_000_000_000n, 9_000n, 1_000_000_000n]
/** Spent after a second or so of work. */
const cappedSession = 1

/** Empties the ledger and opens the sessions, one a scope of the plan. */
export async function openChaosMoney(db: Database, chaosClock: Clock): Promise<ChaosMoney> {
  // A wall clock tells whole milliseconds; the chaos's frames arrive between them.
  const clock: Clock = { ...chaosClock, wallMs: () => Math.floor(chaosClock.wallMs()) }
  await db.execute(
    sql`TRUNCATE sessions, requests, session_events, outbox, money_transactions, unit_sets, findings, ledger_facts RESTART IDENTITY`,
  )
  const faults: unknown[] = []
  const ledger = createLedger({ db, clock, terms })
  const meter = createLedgerMeter({ ledger, clock, onFault: fault => faults.push(fault) })
  const ids: Hex[] = []
  for (const [index, capAtomic] of capsAtomic.entries()) {
    const nonce: Hex = `0x${index.toString(16).padStart(64, '0')}`
    const admission = { payer, nonce, capAtomic, validBefore: 2_000_000_000, voucher: {}, origin: 'session' as const }
    await ledger.admitVoucher({ ...admission, pricePerSecondAtomic })
    const opening = { transaction: null, blockNumber: null, expiresAt: 1_900_000_000, pricePerSecondAtomic }
    ids.push(sessionIdOf(payer, nonce))
    await ledger.confirmOpen(ids[index]!, opening)
  }
  const overs: Promise<void>[] = []
  /** Of the answers, in their order. */
  const scopes: number[] = []
  return {
    admit({ scope }) {
      const index = Number(scope.split(' ')[1])
      const id = ids[index]!
      const capAtomic = capsAtomic[index]!
      const settledAtomic = ledger.sessionNow(id)?.settledAtomic ?? 0n
      try {
        const metered = meter.admit({ id, capAtomic, pricePerSecondAtomic, settledAtomic })
        overs.push(metered.over)
        scopes.push(index)
        return metered
      } catch {
        return null
      }
    },
    async close(book) {
      await Promise.all(overs)
      await meter.stopAll()
      meter.close()
      // The ledger has the last word on a cap: what it does not book is cut short.
      const isExpected = (fault: unknown): boolean =>
        fault instanceof ComputePoolError && fault.code === 'payment_cap_reached'
      const wrongs = faults.filter(fault => !isExpected(fault)).map(fault => `money: ${String(fault)}`)
      const rows = await db.select().from(requestsTable)
      const attempts = new Map(book.attempts().map(attempt => [attempt.id, attempt]))
      for (const { id, endedAtMs, costAtomic, sessionId } of rows) {
        const ms = attempts.get(id)?.ms
        attempts.delete(id)
        if (endedAtMs === null) wrongs.push(`money: attempt ${id} is still charged`)
        const isCapped = ids.indexOf(sessionId as Hex) === cappedSession
        const due = ms === undefined ? null : requestCostAtomic(pricePerSecondAtomic, wholeMs(ms))
        if (due === null || costAtomic > due || (!isCapped && costAtomic !== due))
          wrongs.push(`money: attempt ${id} flowed for ${ms} ms and cost ${costAtomic}, not ${due}`)
      }
      for (const { id, index } of attempts.values())
        if (scopes[index] !== cappedSession) wrongs.push(`money: attempt ${id} flowed and was not charged`)
      for (const session of await db.select().from(sessionsTable)) {
        const costs = rows.filter(({ sessionId }) => sessionId === session.id)
        const sum = costs.reduce((total, { costAtomic }) => total + costAtomic, 0n)
        if (sum !== session.settledAtomic || sum > session.capAtomic || session.runningRequests !== 0)
          wrongs.push(`money: ${sum} of requests, ${session.settledAtomic} settled, cap ${session.capAtomic}`)
      }
      return wrongs
    },
  }
}
