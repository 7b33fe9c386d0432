import { ComputePoolError } from '@computepool/shared/errors'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openFakeRings, orderOf, wholeText } from '../../testing/fake-rings.ts'
import { openMemoryLedger } from '../../testing/open-memory-ledger.ts'
import { readAnswer } from '../../testing/read-answer.ts'
import type { OpenDatabase } from '../store/database.ts'
import { createLedger } from './ledger.ts'
import { createLedgerMeter } from './ledger-meter.ts'

const lost = new ComputePoolError('swarm_coalition_lost', 'The tab closed.')
const vault = `0x${'aa'.repeat(20)}`
const capAtomic = 10_000n

let database: OpenDatabase
let nonces = 0
beforeAll(async () => {
  database = await openMemoryLedger()
})
afterAll(() => database?.close())

/** An open session of 1,000 atomic a second where nothing else is said, and a paid answer of six tokens that runs on ring 1. */
async function start(origin: 'session' | 'request', pricePerSecondAtomic = 1000n) {
  const rings = openFakeRings()
  const { clock, table, ring } = rings
  const terms = { vault, leaseSeconds: 30, bufferSeconds: 60, sessionSeconds: 3600 }
  const ledger = createLedger({ db: database.db, clock, terms })
  const faults: unknown[] = []
  const meter = createLedgerMeter({ ledger, clock, onFault: fault => faults.push(fault) })
  nonces++
  const { session } = await ledger.admitVoucher({
    payer: `0x${'b1'.repeat(20)}`,
    nonce: `0x${nonces.toString(16).padStart(64, '0')}`,
    capAtomic,
    validBefore: 2_000_000_000,
    voucher: {},
    origin,
    pricePerSecondAtomic,
  })
  const opening = { transaction: null, blockNumber: 1, expiresAt: 1_900_000_000, pricePerSecondAtomic }
  await ledger.confirmOpen(session.id, opening)
  table.setRings([ring(1)], null)
  const admit = () => {
    const metered = meter.admit({ id: session.id, capAtomic, pricePerSecondAtomic, settledAtomic: 0n })
    const live = table.submit(orderOf(), metered.observer)
    metered.attach(live)
    return { metered, live, answer: readAnswer(live) }
  }
  const flow = (epoch: number, requestId: string) => rings.say(epoch, { type: 'request-flowing', requestId })
  return { ...rings, ...admit(), admit, flow, ledger, meter, faults, id: session.id, job: rings.jobs(1)[0]! }
}

describe('a paid answer that moves', () => {
  it.each(['session', 'request'] as const)(
    'pays each ring for its part, and nobody for the silence: %s',
    async origin => {
      const { clock, table, ring, jobs, draw, finish, flow, answer, metered, ledger, id, job, faults } =
        await start(origin)
      flow(1, job.requestId)
      await clock.advance(1500)
      draw(1, job, 2)
      table.interrupt(1, lost)
      table.setRings([], null)
      await clock.advance(7000)
      table.setRings([ring(2)], null)
      const next = jobs(2)[0]!
      flow(2, next.requestId)
      await clock.advance(2500)
      draw(2, next, 4)
      finish(2, next.requestId)
      expect(await answer).toEqual({ tokens: wholeText(3, 6), end: 'length' })
      await metered.over
      expect(metered.payment()).toMatchObject({ costAtomic: '4000', spentAtomic: '4000', refundableAtomic: '6000' })
      await ledger.wantClose(id, 'asked')
      await ledger.confirmClosed(id, { dueAtomic: 4000n, refundedAtomic: 6000n })
      const receipt = await ledger.receipt(id)
      expect(receipt).toMatchObject({
        paidAtomic: 4000n,
        refundedAtomic: 6000n,
        requests: expect.arrayContaining([
          expect.objectContaining({ requestId: job.requestId, costAtomic: 1500n, tokens: 2, stoppedBy: 'moved' }),
          expect.objectContaining({ requestId: next.requestId, costAtomic: 2500n, tokens: 4, stoppedBy: 'length' }),
        ]),
      })
      const costs = receipt.requests.reduce((sum, { costAtomic }) => sum + (costAtomic ?? 0n), 0n)
      expect(costs).toBe(receipt.paidAtomic)
      expect([receipt.requests.length, faults, clock.pending]).toEqual([2, [], 0])
    },
  )

  it('is not charged for the silence of a ring that stalls, once or twice, but for two seconds of it', async () => {
    const { clock, jobs, draw, flow, answer, metered, ledger, id, job, faults } = await start('session', 10n)
    flow(1, job.requestId)
    await clock.advance(1000)
    draw(1, job, 1)
    await clock.advance(30_000)
    // What the chain is told meanwhile is never taken back.
    await ledger.renewTarget(id, 'lease')
    expect((await ledger.view(id)).spentAtomic).toBe(30n)
    await clock.advance(30_500)
    const second = jobs(1)[1]!
    flow(1, second.requestId)
    await clock.advance(100_000)
    expect((await answer).end).toBe('peer_timed_out')
    await metered.over
    expect(metered.payment()).toMatchObject({ costAtomic: '50', spentAtomic: '50' })
    const { requests } = await ledger.receipt(id)
    expect(requests.map(({ meteredMs, tokens, stoppedBy }) => [meteredMs, tokens, stoppedBy])).toEqual([
      [3000, 1, 'moved'],
      [2000, 0, 'failed'],
    ])
    expect([faults, clock.pending]).toEqual([[], 0])
  })

  it('closes a session of one request only when the answer is over', async () => {
    const { clock, table, flow, ledger, id, job, live, metered } = await start('request')
    flow(1, job.requestId)
    await clock.advance(1000)
    table.interrupt(1, lost)
    table.setRings([], null)
    const closes = metered.over.then(() => ledger.wantClose(id, 'request_over'))
    const view = async () => {
      const { status, spentAtomic } = await ledger.view(id)
      return [status, spentAtomic]
    }
    await expect.poll(view).toEqual(['open', 1000n])
    live.cancel()
    await closes
    expect(await view()).toEqual(['closing', 1000n])
  })

  it('ends where others have spent the cap meanwhile, and nothing is overdrawn', async () => {
    const { clock, table, ring, jobs, flow, admit, answer, metered, ledger, id, job, faults } = await start('session')
    const other = admit()
    flow(1, job.requestId)
    await clock.advance(4000)
    table.interrupt(1, lost)
    table.setRings([ring(2)], null)
    // The first waits behind a failure of its own; the other one runs.
    const [first, second] = jobs(2)
    flow(2, second!.requestId)
    await clock.advance(6000)
    expect((await other.answer).end).toBe('cap')
    flow(2, first!.requestId)
    expect((await answer).end).toBe('cap')
    await Promise.all([metered.over, other.metered.over])
    expect(await ledger.view(id)).toMatchObject({ spentAtomic: capAtomic, runningRequests: 0 })
    expect([table.running(), faults]).toEqual([0, []])
  })
})
