import { createManualClock } from '@computepool/shared/testing'
import { eq } from 'drizzle-orm'
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openMemoryLedger } from '../../testing/open-memory-ledger.ts'
import type { OpenDatabase } from '../store/database.ts'
import { outboxTable, sessionEventsTable } from '../store/ledger-tables.ts'
import { earnedShares } from './earned-shares.ts'
import { createLedger, type Ledger, type VoucherAdmission } from './ledger.ts'

const vault = '0x00000000000000000000000000000000000000AA'
const payer = '0x00000000000000000000000000000000000000B1'
const terms = { vault, leaseSeconds: 30, bufferSeconds: 60, sessionSeconds: 3600 }

let database: OpenDatabase
let nonces = 0
beforeAll(async () => {
  database = await openMemoryLedger()
})
afterAll(() => database?.close())

function newLedger() {
  const clock = createManualClock()
  return { clock, ledger: createLedger({ db: database.db, clock, terms }) }
}

function admission(changes: Partial<VoucherAdmission> = {}): VoucherAdmission {
  nonces += 1
  return {
    payer,
    nonce: `0x${nonces.toString(16).padStart(64, '0')}`,
    capAtomic: 1_000_000n,
    validBefore: 2_000_000_000,
    voucher: { signature: '0xfeed' },
    origin: 'session',
    pricePerSecondAtomic: 1000n,
    ...changes,
  }
}

const opening = {
  transaction: `0x${'ab'.repeat(32)}` as Hex,
  blockNumber: 7,
  expiresAt: 1_900_000_000,
  pricePerSecondAtomic: 1000n,
}

async function opened(ledger: Ledger, changes: Partial<VoucherAdmission> = {}): Promise<string> {
  const { session } = await ledger.admitVoucher(admission(changes))
  await ledger.confirmOpen(session.id, opening)
  return session.id
}

const orders = async (sessionId: string) =>
  (
    await database.db.select().from(outboxTable).where(eq(outboxTable.sessionId, sessionId)).orderBy(outboxTable.id)
  ).map(({ kind, epoch, status, payload }) => ({ kind, epoch, status, payload }))

describe('a voucher', () => {
  it('opens one session, however often it is sent at once', async () => {
    const { ledger } = newLedger()
    const voucher = admission()
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => ledger.admitVoucher(voucher)))
    expect(outcomes.filter(({ isNew }) => isNew)).toHaveLength(1)
    const id = outcomes[0]!.session.id
    expect(new Set(outcomes.map(({ session }) => session.id))).toEqual(new Set([id]))
    expect(await orders(id)).toEqual([{ kind: 'open', epoch: 0, status: 'waiting', payload: {} }])
  })

  it('is refused where the same nonce comes with other terms', async () => {
    const { ledger } = newLedger()
    const voucher = admission()
    await ledger.admitVoucher(voucher)
    await expect(ledger.admitVoucher({ ...voucher, capAtomic: 2_000_000n })).rejects.toMatchObject({
      code: 'payment_voucher_conflict',
    })
  })

  it('has its signature erased once it is open or refused', async () => {
    const { ledger } = newLedger()
    const first = await ledger.admitVoucher(admission())
    expect(first.session.voucher).toEqual({ signature: '0xfeed' })
    await ledger.confirmOpen(first.session.id, opening)
    expect((await ledger.session(first.session.id))!.voucher).toBeNull()
    const second = await ledger.admitVoucher(admission())
    await ledger.refuse(second.session.id, 'insufficient_balance')
    expect(await ledger.session(second.session.id)).toMatchObject({
      voucher: null,
      refuseReason: 'insufficient_balance',
    })
    expect(await ledger.view(second.session.id)).toMatchObject({ status: 'refused', refundableAtomic: 0n })
  })

  it('is waited for until it is settled', async () => {
    const { ledger } = newLedger()
    const { session } = await ledger.admitVoucher(admission())
    const settled = ledger.whenSettled(session.id, new AbortController().signal)
    await ledger.confirmOpen(session.id, opening)
    expect(await settled).toMatchObject({
      status: 'open',
      openTransaction: opening.transaction,
      expiresAt: 1_900_000_000,
    })
    const waiting = (await ledger.admitVoucher(admission())).session.id
    const reason = new Error('enough')
    await expect(ledger.whenSettled(waiting, AbortSignal.abort(reason))).rejects.toBe(reason)
  })
})

describe('a session', () => {
  it('streams by the number of running requests, and owes the sum of their costs', async () => {
    const { clock, ledger } = newLedger()
    const id = await opened(ledger)
    await ledger.startRequest({ sessionId: id, requestId: `${id}-a` })
    await clock.advance(1500)
    await ledger.startRequest({ sessionId: id, requestId: `${id}-b` })
    await clock.advance(500)
    expect(ledger.spentNow(id)).toBe(2500n)
    expect(await ledger.view(id)).toMatchObject({ status: 'streaming', spentAtomic: 2500n, runningRequests: 2 })
    expect(
      await ledger.endRequest({ sessionId: id, requestId: `${id}-a`, meteredMs: 2000, tokens: 9, stoppedBy: 'stop' }),
    ).toEqual({ costAtomic: 2000n })
    await clock.advance(1000)
    await ledger.endRequest({ sessionId: id, requestId: `${id}-b`, meteredMs: 1500, tokens: 5, stoppedBy: 'length' })
    expect((await orders(id)).slice(1)).toEqual([
      { kind: 'set', epoch: 1, status: 'superseded', payload: { rateAtomic: '1000', dueAtomic: '0' } },
      { kind: 'set', epoch: 2, status: 'superseded', payload: { rateAtomic: '2000', dueAtomic: '1500' } },
      { kind: 'set', epoch: 3, status: 'superseded', payload: { rateAtomic: '1000', dueAtomic: '2500' } },
      { kind: 'set', epoch: 4, status: 'waiting', payload: { rateAtomic: '0', dueAtomic: '3500' } },
    ])
    await ledger.wantClose(id, 'the payer asked')
    await ledger.confirmClosed(id, { dueAtomic: 3500n, refundedAtomic: 996_500n })
    const receipt = await ledger.receipt(id)
    expect(receipt).toMatchObject({ paidAtomic: 3500n, refundedAtomic: 996_500n })
    expect(receipt.requests.map(({ costAtomic }) => costAtomic)).toEqual([2000n, 1500n])
  })

  it('orders its close only when the last request has ended', async () => {
    const { ledger } = newLedger()
    const id = await opened(ledger)
    await ledger.startRequest({ sessionId: id, requestId: `${id}-a` })
    await ledger.wantClose(id, 'the payer asked')
    await expect(ledger.startRequest({ sessionId: id, requestId: `${id}-b` })).rejects.toMatchObject({
      code: 'payment_session_closed',
    })
    expect((await orders(id)).map(({ kind }) => kind)).toEqual(['open', 'set'])
    await ledger.endRequest({ sessionId: id, requestId: `${id}-a`, meteredMs: 700, tokens: 1, stoppedBy: 'stop' })
    expect((await orders(id)).at(-1)).toEqual({
      kind: 'close',
      epoch: 2,
      status: 'waiting',
      payload: { dueAtomic: '700' },
    })
  })

  it('of one request closes with it', async () => {
    const { ledger } = newLedger()
    const id = await opened(ledger, { origin: 'request' })
    await ledger.startRequest({ sessionId: id, requestId: `${id}-a` })
    await ledger.endRequest({ sessionId: id, requestId: `${id}-a`, meteredMs: 700, tokens: 1, stoppedBy: 'stop' })
    expect(await ledger.view(id)).toMatchObject({ status: 'closing', spentAtomic: 700n })
    expect((await orders(id)).at(-1)!.kind).toBe('close')
  })

  it('never owes more than its cap', async () => {
    const { clock, ledger } = newLedger()
    const id = await opened(ledger, { capAtomic: 3000n })
    for (const name of ['a', 'b']) await ledger.startRequest({ sessionId: id, requestId: id + name })
    await clock.advance(2000)
    expect(ledger.spentNow(id)).toBe(3000n)
    await expect(ledger.startRequest({ sessionId: id, requestId: `${id}c` })).rejects.toMatchObject({
      code: 'payment_cap_reached',
    })
    const costs = []
    for (const name of ['a', 'b']) {
      const end = { sessionId: id, requestId: id + name, meteredMs: 2000, tokens: 3, stoppedBy: 'cap' }
      costs.push((await ledger.endRequest(end)).costAtomic)
    }
    expect(costs).toEqual([2000n, 1000n])
  })

  it('charges no more than was written down when the process died', async () => {
    const { clock, ledger } = newLedger()
    const id = await opened(ledger)
    await ledger.startRequest({ sessionId: id, requestId: `${id}-a` })
    await clock.advance(10_000)
    expect(await ledger.sessionsToRenew()).toEqual([id])
    await ledger.renewTarget(id, 'lease')
    expect(await ledger.sessionsToRenew()).toEqual([])
    await clock.advance(9000)
    const next = newLedger().ledger
    await next.recover()
    expect(await next.view(id)).toMatchObject({ status: 'open', spentAtomic: 10_000n, runningRequests: 0 })
    expect((await orders(id)).at(-1)).toMatchObject({ kind: 'set', payload: { rateAtomic: '0', dueAtomic: '10000' } })
  })

  it('has a history that nobody can rewrite', async () => {
    const { ledger } = newLedger()
    const id = await opened(ledger)
    const events = await database.db.select().from(sessionEventsTable).where(eq(sessionEventsTable.sessionId, id))
    expect(events.map(({ seq, type }) => [seq, type])).toEqual([
      [1, 'admitted'],
      [2, 'opened'],
    ])
    await expect(
      database.db.update(sessionEventsTable).set({ type: 'nothing' }).where(eq(sessionEventsTable.sessionId, id)),
    ).rejects.toMatchObject({ cause: { message: 'session_events is append-only' } })
  })
})

describe('units', () => {
  it('are ordered when they change, and tell what each operator earned', async () => {
    const { clock, ledger } = newLedger()
    const [one, two] = [`0x${'01'.repeat(20)}`, `0x${'02'.repeat(20)}`] as const
    const first = await ledger.setUnits([
      { member: two, units: 250 },
      { member: one, units: 750 },
    ])
    expect(
      await ledger.setUnits([
        { member: one.toUpperCase().replace('0X', '0x'), units: 750 },
        { member: two, units: 250 },
      ]),
    ).toBeNull()
    await clock.advance(1000)
    const id = await opened(ledger)
    await ledger.startRequest({ sessionId: id, requestId: `${id}-a` })
    await ledger.endRequest({ sessionId: id, requestId: `${id}-a`, meteredMs: 1000, tokens: 1, stoppedBy: 'stop' })
    const shares = await earnedShares(database.db, { vault: terms.vault, operator: two, sinceMs: 0 })
    expect(shares.find(({ requestId }) => requestId === `${id}-a`)).toMatchObject({ amountWei: 250n * 10n ** 12n })
    expect(await ledger.setUnits([{ member: one, units: 1000 }], { aboveEpoch: 40 })).toBe(41)
    expect(first).toBe(1)
    const rows = (await database.db.select().from(outboxTable)).filter(({ kind }) => kind === 'units')
    expect(rows.map(({ epoch, status }) => [epoch, status])).toEqual([
      [1, 'superseded'],
      [41, 'waiting'],
    ])
  })
})
