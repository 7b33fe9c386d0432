import { createManualClock, type ManualClock } from '@computepool/shared/testing'
import { eq } from 'drizzle-orm'
import type { Hex } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createFakeVault, type FakeVault } from '../../testing/fake-vault.ts'
import { openMemoryLedger } from '../../testing/open-memory-ledger.ts'
import type { OpenDatabase } from '../store/database.ts'
import { findingsTable, outboxTable } from '../store/ledger-tables.ts'
import { createLedger, type Ledger, type VoucherAdmission } from './ledger.ts'
import { createOutbox, type Outbox, type OutboxOptions } from './outbox.ts'
import { type KillPoint, killPoints, type Settler } from './outbox-ports.ts'

const payer: Hex = `0x${'b1'.repeat(20)}`
const terms = { vault: `0x${'aa'.repeat(20)}`, leaseSeconds: 30, bufferSeconds: 60, sessionSeconds: 3600 }
const signal = () => new AbortController().signal

let database: OpenDatabase
let nonces = 0
beforeAll(async () => {
  database = await openMemoryLedger()
})
afterAll(() => database?.close())

const outboxes: Outbox[] = []
afterEach(async () => {
  for (const outbox of outboxes.splice(0)) await outbox.close()
})

interface House {
  readonly clock: ManualClock
  readonly vault: FakeVault
  readonly keeper: ReturnType<FakeVault['keeper']>
  readonly settler: Settler
}

function newHouse(): House {
  const clock = createManualClock()
  const vault = createFakeVault(clock, { pricePerSecondAtomic: 1000n })
  const settler: Settler = {
    settle: async ({ voucher, capAtomic }) => {
      const { nonce } = voucher as { nonce: Hex }
      return { status: 'settled', transaction: vault.open({ payer, nonce, capAtomic }) }
    },
  }
  return { clock, vault, keeper: vault.keeper(), settler }
}

/** One life of the orchestrator on the house's chain and keeper. */
function start(house: House, changes: Partial<OutboxOptions> = {}): { ledger: Ledger; outbox: Outbox } {
  const ledger = createLedger({ db: database.db, clock: house.clock, terms })
  const outbox = createOutbox({ db: database.db, ledger, ...house, ...changes })
  outboxes.push(outbox)
  outbox.start()
  return { ledger, outbox }
}

function admission(changes: Partial<VoucherAdmission> = {}): VoucherAdmission {
  nonces += 1
  const nonce: Hex = `0x${nonces.toString(16).padStart(64, '0')}`
  return {
    payer,
    nonce,
    capAtomic: 1_000_000n,
    validBefore: 2_000_000_000,
    voucher: { nonce },
    origin: 'session',
    pricePerSecondAtomic: 1000n,
    ...changes,
  }
}

const rowsOf = (id: string) =>
  database.db.select().from(outboxTable).where(eq(outboxTable.subject, id)).orderBy(outboxTable.id)

describe('the outbox', () => {
  it('carries a session from its voucher to its refund', async () => {
    const house = newHouse()
    const { ledger, outbox } = start(house)
    const { session } = await ledger.admitVoucher(admission())
    expect(await ledger.whenSettled(session.id, signal())).toMatchObject({ status: 'open', expiresAt: 1_767_229_200 })
    await ledger.startRequest({ sessionId: session.id, requestId: `${session.id}a` })
    await outbox.idle()
    expect(await ledger.view(session.id)).toMatchObject({
      status: 'streaming',
      rateWei: 10n ** 15n,
      bufferAtomic: 60_000n,
      leaseUntil: 1_767_225_630,
    })
    await house.clock.advance(2500)
    await ledger.endRequest({
      sessionId: session.id,
      requestId: `${session.id}a`,
      meteredMs: 2500,
      tokens: 7,
      stoppedBy: 'stop',
    })
    await ledger.wantClose(session.id, 'the payer asked')
    await outbox.idle()
    const receipt = await ledger.receipt(session.id)
    expect(receipt).toMatchObject({
      paidAtomic: 2500n,
      refundedAtomic: 997_500n,
      session: { status: 'closed', rateWei: 0n },
    })
    expect(receipt.transactions.map(({ kind }) => kind).sort()).toEqual(['close', 'open', 'set'].sort())
    expect(receipt.session.closeTransaction).toBe(receipt.transactions.find(({ kind }) => kind === 'close')!.hash)
    expect(house.vault.books).toEqual({ inAtomic: 1_000_000n, earnedAtomic: 2500n, refundedAtomic: 997_500n })
  })

  it('does not send a target that a later one supersedes', async () => {
    const house = newHouse()
    const ledger = createLedger({ db: database.db, clock: house.clock, terms })
    const { session } = await ledger.admitVoucher(admission())
    house.vault.open(admissionOf(session))
    await ledger.confirmOpen(session.id, {
      transaction: null,
      blockNumber: null,
      expiresAt: 1_900_000_000,
      pricePerSecondAtomic: 1000n,
    })
    for (const name of ['a', 'b', 'c'])
      await ledger.startRequest({ sessionId: session.id, requestId: session.id + name })
    const outbox = createOutbox({ db: database.db, ledger, ...house })
    outboxes.push(outbox)
    outbox.start()
    await outbox.idle()
    const ours = house.keeper.started.filter(({ input }) => input.session_id === session.id)
    expect(ours.map(({ input }) => [input.epoch, input.rate_wei])).toEqual([['3', '3000000000000000']])
  })

  it('renews a lease while a request runs, with what is due by then', async () => {
    const house = newHouse()
    const { ledger, outbox } = start(house)
    const { session } = await ledger.admitVoucher(admission())
    await ledger.whenSettled(session.id, signal())
    await ledger.startRequest({ sessionId: session.id, requestId: `${session.id}a` })
    await outbox.idle()
    for (let second = 0; second < 65; second++) {
      await house.clock.advance(1000)
      await outbox.idle()
      const seen = await house.vault.session(session.id)
      expect(seen.state).toBe('streaming')
      expect(seen.leaseUntil).toBeGreaterThan(await house.vault.nowSeconds())
    }
    const seen = await house.vault.session(session.id)
    expect(seen.epoch).toBeGreaterThanOrEqual(6)
    expect(seen.dueAtomic).toBeGreaterThanOrEqual(50_000n)
  })

  it('tries a failed order again under a new epoch, and tells the owner when it keeps failing', async () => {
    const house = newHouse()
    const { ledger, outbox } = start(house)
    const { session } = await ledger.admitVoucher(admission())
    await ledger.whenSettled(session.id, signal())
    house.vault.fault = () => {
      throw new Error('ReserveTooSmall(-1)')
    }
    await ledger.wantClose(session.id, 'the payer asked')
    for (let at = 0; at < 12; at++) await house.clock.advance(1000).then(() => house.clock.settle())
    await settleFor(house.clock, async () => (await openFindings(session.id)).length > 0)
    expect((await openFindings(session.id))[0]).toMatchObject({ law: 'outbox', sessionId: session.id })
    expect((await openFindings(session.id))[0]!.message).toContain('ReserveTooSmall')
    house.vault.fault = null
    await settleFor(house.clock, async () => (await ledger.session(session.id))!.state === 'closed')
    await outbox.idle()
    expect(await openFindings(session.id)).toEqual([])
    const keys = (await rowsOf(session.id)).map(({ idempotencyKey }) => idempotencyKey)
    expect(new Set(keys).size).toBe(keys.length)
    expect(house.vault.books).toEqual({ inAtomic: 1_000_000n, earnedAtomic: 0n, refundedAtomic: 1_000_000n })
  })

  it('tells the owner no longer of an order that failed, once its session was closed by others', async () => {
    const house = newHouse()
    const { ledger, outbox } = start(house)
    const { session } = await ledger.admitVoucher(admission())
    await ledger.whenSettled(session.id, signal())
    house.vault.fault = () => {
      throw new Error('the key has no coins left')
    }
    await ledger.wantClose(session.id, 'the payer asked')
    await settleFor(house.clock, async () => (await openFindings(session.id)).length > 0)
    house.vault.close(session.id, 1_000_000, 0n)
    await settleFor(house.clock, async () => (await ledger.session(session.id))!.state === 'closed')
    await outbox.idle()
    expect(await openFindings(session.id)).toEqual([])
  })

  it('asks a keeper that cannot be reached again, under the same key', async () => {
    const house = newHouse()
    let isDown = true
    const keys: string[] = []
    const keeper = {
      ...house.keeper,
      execute: async (...args: Parameters<typeof house.keeper.execute>) => {
        keys.push(args[2].idempotencyKey)
        if (isDown) throw new Error('connect ECONNREFUSED')
        return house.keeper.execute(...args)
      },
    }
    const { ledger } = start(house, { keeper })
    const { session } = await ledger.admitVoucher(admission())
    await ledger.whenSettled(session.id, signal())
    await ledger.wantClose(session.id, 'the payer asked')
    await settleFor(house.clock, async () => keys.length >= 3)
    isDown = false
    await settleFor(house.clock, async () => (await ledger.session(session.id))!.state === 'closed')
    expect(new Set(keys).size).toBe(1)
  })

  it('believes the chain, not the run', async () => {
    const house = newHouse()
    // A run that says success and did nothing, and one that says error after all was done.
    let runs = 0
    const keeper = {
      ...house.keeper,
      execute: async (...[workflow, input, options]: Parameters<typeof house.keeper.execute>) => {
        runs += 1
        if (runs > 1) house.vault.close(String(input.session_id), Number(input.epoch), 0n)
        void [workflow, options]
        return { executionId: `run-${runs}`, status: 'running' as const }
      },
      wait: async (executionId: string) => ({
        executionId,
        status: executionId === 'run-1' ? ('success' as const) : ('error' as const),
        transactions: [],
        error: executionId === 'run-1' ? null : 'lost',
      }),
    }
    const { ledger } = start(house, { keeper })
    const { session } = await ledger.admitVoucher(admission())
    await ledger.whenSettled(session.id, signal())
    await ledger.wantClose(session.id, 'the payer asked')
    await settleFor(house.clock, async () => (await ledger.session(session.id))!.state === 'closed')
    expect(runs).toBe(2)
  })

  it('carries out new orders though a hundred others are stuck at the keeper', async () => {
    const house = newHouse()
    const stuck = {
      execute: async () => ({ executionId: 'stuck', status: 'running' as const }),
      wait: (_id: string, _ms: number, stop?: AbortSignal) =>
        new Promise<never>((_resolve, reject) => stop?.addEventListener('abort', () => reject(stop.reason))),
    }
    const { ledger } = start(house, { keeper: stuck })
    for (let at = 0; at < 100; at++) {
      const { session } = await ledger.admitVoucher(admission())
      await ledger.whenSettled(session.id, signal())
      await ledger.wantClose(session.id, 'asked')
    }
    const { session } = await ledger.admitVoucher(admission())
    expect((await ledger.whenSettled(session.id, signal())).status).toBe('open')
  })

  it('looks at the chain when a callback hints, and changes nothing where there is nothing', async () => {
    const house = newHouse()
    const keeper = {
      execute: async () => ({ executionId: 'slow', status: 'running' as const }),
      wait: (_id: string, _ms: number, stop?: AbortSignal) =>
        new Promise<never>((_resolve, reject) => stop?.addEventListener('abort', () => reject(stop.reason))),
    }
    const { ledger, outbox } = start(house, { keeper })
    const { session } = await ledger.admitVoucher(admission())
    await ledger.whenSettled(session.id, signal())
    await ledger.wantClose(session.id, 'the payer asked')
    await settleFor(house.clock, async () => (await rowsOf(session.id)).at(-1)!.status === 'submitted')
    const row = (await rowsOf(session.id)).at(-1)!
    outbox.hint(String(row.id))
    outbox.hint('nonsense')
    await house.clock.settle()
    expect((await ledger.session(session.id))!.state).toBe('closing')
    house.vault.close(session.id, row.epoch, 0n)
    await settleFor(house.clock, async () => {
      outbox.hint(String(row.id))
      return (await ledger.session(session.id))!.state === 'closed'
    })
  })
})

describe('a voucher on its way', () => {
  it.each<[string, Settler['settle']]>([
    ['the settler refuses', async () => ({ status: 'refused', reason: 'insufficient_balance' })],
    ['it expires before the chain took it', async () => ({ status: 'unknown', reason: 'timeout' })],
  ])('is refused where %s, and nothing moved', async (_name, settle) => {
    const house = newHouse()
    const { ledger } = start(house, { settler: { settle } })
    const { session } = await ledger.admitVoucher(admission({ validBefore: 1_767_225_605 }))
    await settleFor(house.clock, async () => (await ledger.session(session.id))!.state === 'refused')
    expect(house.vault.books.inAtomic).toBe(0n)
  })

  it('opens its session though the settler reported a failure after it had landed', async () => {
    const house = newHouse()
    const settler: Settler = {
      settle: async order => {
        await house.settler.settle(order)
        return { status: 'refused', reason: 'settlement timed out' }
      },
    }
    const { ledger } = start(house, { settler })
    const { session } = await ledger.admitVoucher(admission())
    expect(await ledger.whenSettled(session.id, signal())).toMatchObject({ status: 'open' })
  })
})

describe('kill -9 at every step', () => {
  const cases = killPoints.flatMap(point => [
    { point, kind: 'open' },
    { point, kind: 'set' },
    { point, kind: 'close' },
  ])
  const impossible = new Set(['open outbox:submitted', 'open outbox:execution-stored', 'open outbox:run-over'])
  const walked = cases.filter(
    ({ point, kind }) => !impossible.has(`${kind} ${point}`) && (kind === 'open' || point !== 'outbox:settled'),
  )

  it.each(walked)('$kind at $point: no double charge, no lost refund, no stream left', async ({ point, kind }) => {
    const house = newHouse()
    let killed: (() => void) | null = null
    const death = new AbortController()
    const wasKilled = new Promise<void>(resolve => {
      killed = resolve
    })
    const life = start(house, {
      killPoint: async (at: KillPoint, row) => {
        if (at !== point || row.kind !== kind) return
        death.abort()
        void life.outbox.close()
        killed!()
        await new Promise<never>(() => {})
      },
    })
    outboxes.splice(0)
    const voucher = admission()
    const { session } = await life.ledger.admitVoucher(voucher)
    const live = (async () => {
      await life.ledger.whenSettled(session.id, death.signal)
      if (death.signal.aborted) return
      await life.ledger.startRequest({ sessionId: session.id, requestId: `${session.id}a` })
      await settleFor(
        house.clock,
        async () => death.signal.aborted || (await house.vault.session(session.id)).state === 'streaming',
      )
      if (death.signal.aborted) return
      const end = { sessionId: session.id, requestId: `${session.id}a`, meteredMs: 3000, tokens: 3, stoppedBy: 'stop' }
      await life.ledger.endRequest(end)
      if (!death.signal.aborted) await life.ledger.wantClose(session.id, 'the payer asked')
    })()
    // What the dead process had begun ends here; afterwards it says nothing more.
    const last = live.catch(() => {})
    await wasKilled
    await last
    const next = start(house)
    await next.ledger.recover()
    expect((await next.ledger.admitVoucher(voucher)).isNew).toBe(false)
    await next.ledger.whenSettled(session.id, signal())
    await next.ledger.wantClose(session.id, 'the payer asked')
    await settleFor(house.clock, async () => (await next.ledger.session(session.id))!.state === 'closed')
    await next.outbox.idle()
    const { books } = house.vault
    expect(books.inAtomic).toBe(voucher.capAtomic)
    expect(books.earnedAtomic + books.refundedAtomic).toBe(books.inAtomic)
    expect((await house.vault.totals()).liveRateWei).toBe(0n)
    const receipt = await next.ledger.receipt(session.id)
    expect(receipt.paidAtomic).toBe(books.earnedAtomic)
    expect(receipt.refundedAtomic).toBe(books.refundedAtomic)
    expect((await rowsOf(session.id)).filter(({ status }) => !['done', 'superseded'].includes(status))).toEqual([])
  })
})

const openFindings = async (sessionId: string) =>
  (await database.db.select().from(findingsTable).where(eq(findingsTable.sessionId, sessionId))).filter(
    ({ status }) => status === 'open',
  )

/** Time passes second by second, the database gets its turns, until it is so. */
async function settleFor(clock: ManualClock, isSo: () => Promise<boolean>): Promise<void> {
  for (let second = 0; second < 400; second++) {
    for (let turn = 0; turn < 5; turn++) {
      if (await isSo()) return
      await clock.settle()
    }
    await clock.advance(1000)
  }
  throw new Error('It never came to be.')
}

const admissionOf = (session: { nonce: string; capAtomic: bigint }) => ({
  payer,
  nonce: session.nonce as Hex,
  capAtomic: session.capAtomic,
})
