import { createManualClock } from '@computepool/shared/testing'
import { eq } from 'drizzle-orm'
import type { Hex } from 'viem'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { createFakeVault } from '../../testing/fake-vault.ts'
import { openMemoryLedger } from '../../testing/open-memory-ledger.ts'
import type { OpenDatabase } from '../store/database.ts'
import { findingsTable, ledgerFactsTable, outboxTable } from '../store/ledger-tables.ts'
import { earnedShares } from './earned-shares.ts'
import { createLedger } from './ledger.ts'
import { createOutbox, type Outbox } from './outbox.ts'
import type { Settler } from './outbox-ports.ts'
import { createReconciler } from './reconcile.ts'
import { createServiceRuns } from './service-runs.ts'

let database: OpenDatabase
beforeAll(async () => {
  database = await openMemoryLedger()
})
afterAll(() => database?.close())
const outboxes: Outbox[] = []
afterEach(async () => {
  for (const outbox of outboxes.splice(0)) await outbox.close()
})

const payer: Hex = `0x${'b1'.repeat(20)}`
const nonceOf = (at: number): Hex => `0x${at.toString(16).padStart(64, '0')}`
const clock = createManualClock()

/** An orchestrator of one model, on the database of all of them. */
function openHouse(byte: string) {
  const address: Hex = `0x${byte.repeat(20)}`
  const { db } = database
  const vault = createFakeVault(clock, { pricePerSecondAtomic: 1000n, vault: address })
  const terms = { vault: address, leaseSeconds: 30, bufferSeconds: 60, sessionSeconds: 3600 }
  const ledger = createLedger({ db, clock, terms })
  const settler: Settler = {
    settle: async ({ voucher, capAtomic }) => ({
      status: 'settled',
      transaction: vault.open({ payer, nonce: (voucher as { nonce: Hex }).nonce, capAtomic }),
    }),
  }
  const keeper = vault.keeper()
  const outbox = createOutbox({ db, ledger, clock, vault, keeper, settler })
  outboxes.push(outbox)
  const reconciler = createReconciler({ db, ledger, vault, clock, pricePerSecondAtomic: async () => 1000n })
  const open = async (nonce: Hex): Promise<string> => {
    const terms = { capAtomic: 1_000_000n, pricePerSecondAtomic: 1000n, validBefore: 2_000_000_000 }
    const admission = { ...terms, payer, nonce, voucher: { nonce }, origin: 'session' } as const
    const { session } = await ledger.admitVoucher(admission)
    await ledger.whenSettled(session.id, new AbortController().signal)
    await outbox.idle()
    return session.id
  }
  return { address, vault, ledger, keeper, outbox, reconciler, open }
}

const rowsOf = (vault: Hex, sessionId: string) => {
  const { db } = database
  return Promise.all([
    db.select().from(outboxTable).where(eq(outboxTable.sessionId, sessionId)).orderBy(outboxTable.id),
    db.select().from(findingsTable).where(eq(findingsTable.vault, vault)).orderBy(findingsTable.id),
    db.select().from(ledgerFactsTable).orderBy(ledgerFactsTable.key),
  ])
}

it('leaves what is another vault’s alone, on a start with another model', async () => {
  const first = openHouse('a1')
  first.outbox.start()
  await first.ledger.setUnits([{ member: payer, units: 10 }])
  const running = await first.open(nonceOf(1))
  const closing = await first.open(nonceOf(2))
  await first.ledger.startRequest({ sessionId: running, requestId: 'r1' })
  await first.outbox.idle()
  // Its node has too small a reserve, and its outbox stops before the last order is sent.
  const { totals } = first.vault
  first.vault.totals = async () => ({ ...(await totals()), reserveFreeWei: 5n })
  await first.reconciler.check()
  await first.outbox.close()
  await first.ledger.wantClose(closing, 'asked')
  const before = [await rowsOf(first.address, running), await rowsOf(first.address, closing)]
  expect((await first.ledger.listFindings()).findings).toMatchObject([{ check: 'reserve', status: 'open' }])

  const second = openHouse('a2')
  expect(await second.ledger.recover()).toEqual({ endedRequests: 0, closingSessions: 0 })
  second.outbox.start()
  const own = await second.open(nonceOf(3))
  for (let minute = 0; minute < 3; minute++) {
    expect(await second.reconciler.check()).toEqual({ repaired: [], open: [] })
    await clock.advance(60_000)
    await second.outbox.idle()
  }
  expect(second.keeper.started).toEqual([])
  expect((await second.ledger.listSessions()).map(({ id }) => id)).toEqual([own])
  expect((await second.ledger.listFindings()).findings).toEqual([])
  expect(await second.ledger.session(running)).toBe(null)
  expect(await second.ledger.sessionsIn(['streaming', 'closing'])).toEqual([])
  expect(await second.ledger.sessionsToRenew()).toEqual([])
  await expect(second.ledger.wantClose(running, 'asked')).rejects.toMatchObject({ code: 'payment_session_unknown' })

  const after = [await rowsOf(first.address, running), await rowsOf(first.address, closing)]
  const facts = ([orders, findings, known]: (typeof before)[number]) => [
    orders,
    findings,
    known.filter(({ key }) => !key.includes(second.address)),
  ]
  expect(after.map(facts)).toEqual(before.map(facts))
  const still = await Promise.all([running, closing].map(id => first.ledger.view(id)))
  expect(still.map(({ status }) => status)).toEqual(['streaming', 'closing'])
})

it('shows the runs and the earnings of its own vault, and refuses a nonce that another vault’s session has', async () => {
  const [first, second] = [openHouse('a3'), openHouse('a4')]
  first.outbox.start()
  for (const { ledger } of [first, second]) await ledger.setUnits([{ member: payer, units: 10 }])
  const id = await first.open(nonceOf(11))
  await first.ledger.startRequest({ sessionId: id, requestId: 'r11' })
  await first.ledger.endRequest({ sessionId: id, requestId: 'r11', meteredMs: 1000, tokens: 1, stoppedBy: 'stop' })
  await first.ledger.wantClose(id, 'asked')
  await first.outbox.idle()
  const earnedOf = (vault: Hex) => earnedShares(database.db, { vault, operator: payer, sinceMs: 0 })
  expect(await earnedOf(first.address)).toMatchObject([{ requestId: 'r11', amountWei: 10n ** 15n }])
  expect(await earnedOf(second.address)).toEqual([])
  const keeper = { status: first.keeper.status, logs: first.keeper.logs }
  const runsOf = (vault: Hex) => createServiceRuns({ db: database.db, vault, keeper }).list()
  expect((await runsOf(first.address))[0]).toMatchObject({ workflow: 'stream-stop', sessionId: id })
  expect(await runsOf(second.address)).toEqual([])
  await expect(second.open(nonceOf(11))).rejects.toMatchObject({ code: 'payment_voucher_conflict' })
})
