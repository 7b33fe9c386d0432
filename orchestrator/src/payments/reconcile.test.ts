import { createManualClock } from '@computepool/shared/testing'
import { sql } from 'drizzle-orm'
import type { Hex } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createFakeVault } from '../../testing/fake-vault.ts'
import { openMemoryLedger } from '../../testing/open-memory-ledger.ts'
import type { OpenDatabase } from '../store/database.ts'
import { createLedger } from './ledger.ts'
import { createOutbox, type Outbox } from './outbox.ts'
import type { Settler } from './outbox-ports.ts'
import { createFindingBook } from './outbox-rows.ts'
import { createReconciler } from './reconcile.ts'

const payer: Hex = `0x${'b1'.repeat(20)}`
const terms = { vault: `0x${'aa'.repeat(20)}`, leaseSeconds: 30, bufferSeconds: 60, sessionSeconds: 3600 }
const nonceOf = (at: number): Hex => `0x${at.toString(16).padStart(64, '0')}`

let database: OpenDatabase
beforeAll(async () => {
  database = await openMemoryLedger()
})
afterAll(() => database?.close())
beforeEach(async () => {
  await database.db.execute(
    sql`TRUNCATE sessions, requests, session_events, outbox, money_transactions, unit_sets, findings, ledger_facts`,
  )
})

const outboxes: Outbox[] = []
afterEach(async () => {
  for (const outbox of outboxes.splice(0)) await outbox.close()
})

function newHouse(sessionSeconds = 3600) {
  const clock = createManualClock()
  const vault = createFakeVault(clock, { pricePerSecondAtomic: 1000n, sessionSeconds })
  const ledger = createLedger({ db: database.db, clock, terms })
  const settler: Settler = {
    settle: async ({ voucher, capAtomic }) => ({
      status: 'settled',
      transaction: vault.open({ payer, nonce: (voucher as { nonce: Hex }).nonce, capAtomic }),
    }),
  }
  const outbox = createOutbox({ db: database.db, ledger, clock, vault, keeper: vault.keeper(), settler })
  outboxes.push(outbox)
  outbox.start()
  const pricePerSecondAtomic = async () => 1000n
  const reconciler = createReconciler({ db: database.db, ledger, vault, clock, pricePerSecondAtomic })
  let nonces = 0
  const open = async (): Promise<string> => {
    nonces += 1
    const nonce = nonceOf(nonces)
    const { session } = await ledger.admitVoucher({
      payer,
      nonce,
      capAtomic: 1_000_000n,
      validBefore: 2_000_000_000,
      voucher: { nonce },
      origin: 'session',
      pricePerSecondAtomic: 1000n,
    })
    await ledger.whenSettled(session.id, new AbortController().signal)
    await outbox.idle()
    return session.id
  }
  const laws = async () => {
    const { repaired, open: left } = await reconciler.check()
    return { repaired: repaired.map(({ law }) => law), open: left.map(({ law }) => law) }
  }
  return { clock, vault, ledger, outbox, reconciler, open, laws }
}

const fine = { repaired: [], open: [] }

describe('the reconciler', () => {
  it('finds nothing where all is well, at every stage of a session', async () => {
    const { vault, ledger, outbox, open, laws } = newHouse()
    await ledger.setUnits([{ member: payer, units: 1000 }])
    await outbox.idle()
    expect(await laws()).toEqual(fine)
    const id = await open()
    expect(await laws()).toEqual(fine)
    await ledger.startRequest({ sessionId: id, requestId: 'a' })
    await outbox.idle()
    expect((await vault.session(id)).state).toBe('streaming')
    expect(await laws()).toEqual(fine)
    await ledger.endRequest({ sessionId: id, requestId: 'a', meteredMs: 500, tokens: 1, stoppedBy: 'stop' })
    await ledger.wantClose(id, 'asked')
    await outbox.idle()
    expect(await laws()).toEqual(fine)
    expect(await ledger.listFindings()).toEqual({ lastCheckAtMs: expect.any(Number), findings: [] })
  })

  it('stops a stream that runs though nothing runs here', async () => {
    const { vault, ledger, outbox, open, laws } = newHouse()
    await ledger.setUnits([{ member: payer, units: 1000 }])
    const id = await open()
    const now = await vault.nowSeconds()
    vault.set(id, 9, 10n ** 15n, now + 30, 0n)
    expect(await laws()).toMatchObject({ repaired: ['rates'] })
    await outbox.idle()
    expect(await vault.session(id)).toMatchObject({ state: 'open', rateWei: 0n, epoch: 10 })
    expect(await laws()).toEqual(fine)
  })

  it('starts a stream anew that was lost though a request runs', async () => {
    const { vault, ledger, outbox, open, laws } = newHouse()
    await ledger.setUnits([{ member: payer, units: 1000 }])
    const id = await open()
    await ledger.startRequest({ sessionId: id, requestId: 'a' })
    await outbox.idle()
    vault.set(id, 9, 0n, 0, 0n)
    expect((await laws()).repaired).toEqual(['rates'])
    await outbox.idle()
    expect(await vault.session(id)).toMatchObject({ state: 'streaming', rateWei: 10n ** 15n })
  })

  it('follows a session that its payer ended on the chain', async () => {
    const { vault, ledger, open, laws } = newHouse()
    const id = await open()
    vault.close(id, 5, 300n)
    expect(await laws()).toEqual({ repaired: ['refunds'], open: [] })
    expect(await ledger.receipt(id)).toMatchObject({ paidAtomic: 300n, refundedAtomic: 999_700n })
    expect(await laws()).toEqual(fine)
  })

  it('takes in a session that it does not know, and has its payer refunded', async () => {
    const { vault, ledger, outbox, laws } = newHouse()
    vault.open({ payer, nonce: nonceOf(77), capAtomic: 5_000n })
    expect((await laws()).repaired).toEqual(['vouchers'])
    await outbox.idle()
    expect(vault.books).toEqual({ inAtomic: 5_000n, earnedAtomic: 0n, refundedAtomic: 5_000n })
    expect((await ledger.listSessions()).map(({ status }) => status)).toEqual(['closed'])
    expect(await laws()).toEqual(fine)
  })

  it('says plainly that the chain was replaced, and believes it a minute later', async () => {
    const { clock, vault, ledger, open, laws } = newHouse()
    const id = await open()
    await open()
    expect(await laws()).toEqual(fine)
    vault.replace()
    expect(await laws()).toEqual({ repaired: ['chain'], open: ['chain', 'chain'] })
    const { findings } = await ledger.listFindings()
    expect(findings.map(({ message }) => message).join()).toContain('the chain was rolled back or replaced')
    // Whoever follows the chain may ask at any moment.
    await clock.advance(59_999)
    expect(await laws()).toEqual({ repaired: [], open: ['chain', 'chain'] })
    expect((await ledger.view(id)).status).toBe('open')
    await clock.advance(1)
    await laws()
    expect(await ledger.view(id)).toMatchObject({ status: 'closed', spentAtomic: 0n, refundableAtomic: 0n })
    expect(await laws()).toEqual(fine)
  })

  it('ends what the outbox told of a session that is over, though no order of it is left', async () => {
    const { vault, ledger, outbox, open, laws } = newHouse()
    const [id, other] = [await open(), await open()]
    await outbox.close()
    const book = createFindingBook(database.db, vault.vault)
    for (const subject of [id, other]) {
      const trouble = { trouble: `outbox ${subject} close`, law: 'outbox', message: 'It failed.', remedy: '' } as const
      await book.open({ ...trouble, sessionId: subject }, 0)
    }
    vault.close(id, 1, 0n)
    await laws()
    expect((await ledger.view(id)).status).toBe('closed')
    await laws()
    expect([...(await book.openTroubles()).keys()]).toEqual([`outbox ${other} close`])
  })

  it('looks again once for all who ask while it looks', async () => {
    const { vault, reconciler } = newHouse()
    const { totals } = vault
    let looks = 0
    vault.totals = () => {
      looks += 1
      return totals()
    }
    await Promise.all(Array.from({ length: 20 }, () => reconciler.check()))
    expect(looks).toBe(2)
    await reconciler.check()
    expect(looks).toBe(3)
  })

  it('closes an idle session before its life is over', async () => {
    const { clock, vault, outbox, open, laws } = newHouse(90)
    const id = await open()
    await laws()
    await outbox.idle()
    expect((await vault.session(id)).state).toBe('open')
    await clock.advance(40_000)
    await laws()
    await outbox.idle()
    expect(await vault.session(id)).toMatchObject({ state: 'closed', refundedAtomic: 1_000_000n })
  })

  it('orders the close that a crash left out', async () => {
    const { vault, ledger, outbox, open, laws } = newHouse()
    const id = await open()
    await outbox.close()
    await ledger.wantClose(id, 'asked')
    await database.db.execute(sql`UPDATE outbox SET status = 'failed' WHERE kind = 'close'`)
    expect((await laws()).repaired).toEqual(['rates'])
    const again = createOutbox({
      db: database.db,
      ledger,
      clock: createManualClock(1_767_225_700_000),
      vault,
      keeper: vault.keeper(),
      settler: { settle: async () => ({ status: 'unknown', reason: '' }) },
    })
    outboxes.push(again)
    again.start()
    await again.idle()
    expect((await ledger.view(id)).status).toBe('closed')
  })

  it('orders units anew that the chain has not, above the chain’s epoch', async () => {
    const { vault, ledger, outbox, laws } = newHouse()
    await vault.keeper().execute('set-units', { epoch: '40', members: [], units: [] }, { idempotencyKey: 'x' })
    await ledger.setUnits([{ member: payer, units: 7 }])
    await outbox.idle()
    expect((await laws()).repaired).toEqual(['units'])
    await outbox.idle()
    expect(await vault.totals()).toMatchObject({ unitsEpoch: 41, members: [{ member: payer, units: 7 }] })
    expect(await laws()).toEqual(fine)
  })

  it('tells the owner of orders that wait and of a reserve that is low, once, until it is over', async () => {
    const { clock, vault, ledger, outbox, open, laws, reconciler } = newHouse()
    const id = await open()
    await outbox.close()
    await ledger.wantClose(id, 'asked')
    await clock.advance(121_000)
    const { totals } = vault
    vault.totals = async () => ({ ...(await totals()), reserveFreeWei: 5n })
    expect(await laws()).toEqual({ repaired: [], open: ['outbox', 'reserve'] })
    await reconciler.check()
    const told = (await ledger.listFindings()).findings.map(({ check, status }) => [check, status])
    expect(told).toEqual([
      ['reserve', 'open'],
      ['outbox', 'open'],
    ])
    vault.totals = totals
    await reconciler.check()
    expect((await ledger.listFindings()).findings.map(({ check, status }) => [check, status])).toEqual([
      ['reserve', 'repaired'],
      ['outbox', 'open'],
    ])
  })
})
