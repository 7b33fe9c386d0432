import { createSeededRandom } from '@computepool/shared/testing'
import { describe, expect, it } from 'vitest'
import {
  type AuditedPool,
  openAuditedPool,
  type RunCheck,
  type Sketched,
  sketchedRows,
} from '../../testing/audited-pool.ts'
import type { FakeTab } from '../../testing/fake-tab.ts'

const wallet = ({ peer }: FakeTab): string => peer.slice(0, 42).toLowerCase()
const ordered = (pool: AuditedPool, { check }: RunCheck): string[] =>
  pool.seats.flatMap(({ commands }) =>
    commands.flatMap(command => (command.type === 'hand-over' && command.check === check ? [command.as] : [])),
  )
const standingOf = (tab: FakeTab) => tab.commands.findLast(command => command.type === 'standing-told')
const isPaid = (pool: AuditedPool, tab: FakeTab): boolean =>
  pool.pool.desk.snapshot().auditPay?.some(({ operator }) => operator === wallet(tab)) ?? false

/** Lets `answer` answer each check that somebody is asked for, until nobody is asked any more. */
async function answerAll(
  pool: AuditedPool,
  answer: (auditor: FakeTab, check: RunCheck) => Promise<unknown>,
): Promise<void> {
  for (let isDone = false; !isDone; ) {
    isDone = true
    for (const auditor of pool.auditors)
      for (const check of pool.asked(auditor)) {
        isDone = false
        await answer(auditor, check)
      }
  }
}

/** The checks of `answers` answers, each answered with what `computed` gives, in the order of the askings. */
async function answers(
  pool: AuditedPool,
  count: number,
  computed: (auditor: FakeTab, check: RunCheck) => Sketched | null,
): Promise<Array<{ auditor: FakeTab; check: RunCheck }>> {
  const asked: Array<{ auditor: FakeTab; check: RunCheck }> = []
  for (let i = 0; i < count; i++) {
    await pool.answer()
    await answerAll(pool, (auditor, check) => {
      asked.push({ auditor, check })
      return pool.report(auditor, check, 'agreed', {}, computed(auditor, check))
    })
  }
  return asked
}

/** What honest auditors compute of a check: its attempt's own. */
const right = (_: FakeTab, { attempts, seat }: RunCheck): Sketched =>
  sketchedRows(seat + Number.parseInt(attempts[0]!.receipt.outHead.slice(0, 6), 16))

describe('what a seat sent', () => {
  it('is handed over to whoever has said what it computed, and not before', async () => {
    const pool = await openAuditedPool()
    await pool.answer()
    const { auditor, check } = await pool.next(0)
    expect([check.nonce.length, ordered(pool, check)]).toEqual([64, []])
    const other = pool.auditors.find(each => each !== auditor)!
    for (const tab of [other, pool.seats[0]!, auditor, auditor]) {
      tab.say({ type: 'check-computed', check: check.check, ...sketchedRows(1) })
      await pool.pool.clock.settle()
      expect(ordered(pool, check)).toEqual(tab === auditor ? ['sent'] : [])
    }
    await pool.report(auditor, check, 'agreed', {}, null)
    expect(pool.checks()).toEqual({ drawn: 2, agreed: 2 })
  })

  it('of an exit are its rows and draws, by itself, and come as late as any other’s', async () => {
    const pool = await openAuditedPool()
    await pool.answer()
    const { auditor, check } = await pool.next(1)
    expect([check.nonce.length, ordered(pool, check)]).toEqual([64, ['received']])
    await pool.report(auditor, check, 'agreed')
    expect(ordered(pool, check)).toEqual(['received', 'sent'])
    const orders = pool.seats[1]!.commands.flatMap(command =>
      command.type === 'hand-over' && command.check === check.check ? [command.draws] : [],
    )
    expect(orders).toEqual([undefined, check.plan.draws])
    expect(check.plan.draws!.until - check.plan.draws!.from).toBe(3)
  })

  it.each(['agreed', 'differs', 'unjudged'] as const)(
    '%s without it counts for nothing: the check goes to another, and whoever said so is asked nothing for a while',
    async outcome => {
      const pool = await openAuditedPool()
      await pool.answer()
      const { auditor, check } = await pool.next(0)
      await pool.report(auditor, check, outcome, {}, null)
      expect([pool.checks(), ordered(pool, check)]).toEqual([{ drawn: 2, agreed: 1, uncomputed: 1 }, []])
      const again = await pool.next(0)
      expect(again.auditor).not.toBe(auditor)
      await pool.report(again.auditor, again.check, 'agreed')
      expect(pool.checks()).toEqual({ drawn: 2, agreed: 2, uncomputed: 1 })
      await pool.answer()
      expect(pool.asked(auditor)).toEqual([])
    },
  )

  it('goes to another, unpaid, where an auditor waits for it without a word', async () => {
    const pool = await openAuditedPool()
    await pool.answer()
    const { auditor, check } = await pool.next(0)
    await pool.pool.clock.advance(check.withinMs + 5000)
    const again = await pool.next(0)
    expect(again.auditor).not.toBe(auditor)
    await pool.report(auditor, check, 'agreed')
    expect([ordered(pool, check), pool.checks()]).toEqual([[], { drawn: 2, agreed: 1 }])
    await pool.report(again.auditor, again.check, 'agreed')
    await pool.pool.clock.advance(600_000)
    expect([isPaid(pool, auditor), isPaid(pool, again.auditor)]).toEqual([false, true])
  })

  it.each(['before', 'after'] as const)('ends the check where the seat behind leaves %s the sketch', async when => {
    const pool = await openAuditedPool()
    await pool.answer()
    const { auditor, check } = await pool.next(0)
    if (when === 'after') auditor.say({ type: 'check-computed', check: check.check, ...sketchedRows(1) })
    await pool.pool.clock.settle()
    pool.seats[1]!.leave()
    await pool.pool.clock.settle()
    const dropped = auditor.commands.filter(command => command.type === 'drop-check')
    expect(dropped).toMatchObject([{ check: check.check }])
    await pool.report(auditor, check, 'agreed')
    await pool.pool.clock.advance(60_000)
    expect(pool.checks()).toEqual({ drawn: 2, agreed: 1, unanswered: 1 })
  })

  it('is not asked of who has it already, from the check of the seat behind, while another is here', async () => {
    const pool = await openAuditedPool({ maxSeats: 3, auditors: 4 })
    for (let i = 0; i < 12; i++) {
      await pool.answer()
      const seen = new Map<FakeTab, number[]>()
      const open: Array<{ auditor: FakeTab; check: RunCheck }> = []
      const look = (): void => {
        for (const auditor of pool.auditors)
          for (const check of pool.asked(auditor)) {
            const before = seen.get(auditor) ?? []
            expect(before.includes(check.seat + 1) && check.seat < 2).toBe(false)
            seen.set(auditor, [...before, check.seat])
            open.push({ auditor, check })
          }
      }
      // The last first, and the entry's by whoever is asked when nobody else has failed at it.
      for (look(); open.length > 0; look()) {
        const { auditor, check } = open.sort((a, b) => a.check.seat - b.check.seat).pop()!
        const isFirst = check.seat === 0 && [...seen.values()].flat().filter(seat => seat === 0).length === 1
        await pool.report(auditor, check, isFirst ? 'failed' : 'agreed')
      }
    }
  })

  it('cannot be withheld before it was asked for', async () => {
    const pool = await openAuditedPool()
    for (let i = 0; i < 3; i++) {
      await pool.answer()
      await answerAll(pool, (auditor, check) =>
        pool.report(auditor, check, check.seat === 0 ? 'withheld' : 'agreed', { blamed: check.sentFrom }),
      )
    }
    expect(pool.checks()).not.toHaveProperty('withheld')
    expect(pool.pool.desk.snapshot().seats).toHaveLength(2)
  })
})

describe('a second look', () => {
  /** Entropy whose single bytes are what is drawn by: always a second look, or never. */
  const looking = (isSecond: boolean, seed = 7) => {
    const random = createSeededRandom(seed)
    return { bytes: (length: number) => (length === 1 ? Uint8Array.of(isSecond ? 0 : 255) : random.bytes(length)) }
  }

  it('cannot be told from a first: the same nonce, the same order, nothing in it that says so', async () => {
    const pool = await openAuditedPool({ entropy: looking(true) })
    const asked = (await answers(pool, 1, right)).filter(({ check }) => check.seat === 0)
    const [first, second] = asked.map(({ check: { check: _, evidence, ...rest } }) => ({
      ...rest,
      path: evidence?.path,
    }))
    expect(asked).toHaveLength(2)
    expect(second).toEqual(first)
    expect(pool.checks()).toMatchObject({ drawn: 2, agreed: 2, audited: 2 })
    const metrics = await (await pool.pool.app.request('/metrics')).text()
    expect(metrics).toContain('computepool_second_looks_total{what="audited"} 2')
    // Of another answer it is another nonce.
    const later = await answers(pool, 1, right)
    expect(later.find(({ check }) => check.seat === 0)!.check.nonce).not.toBe(first!.nonce)
  })

  it.each([0, 1])('shows the auditor that was asked %i. to have computed nothing', async turn => {
    const pool = await openAuditedPool({ entropy: looking(true) })
    const lazy = (await answers(pool, 1, right)).filter(({ check }) => check.seat === 0)[turn]!.auditor
    await pool.pool.clock.advance(600_000)
    expect(isPaid(pool, lazy)).toBe(true)
    await answers(pool, 2, (auditor, check) => (auditor === lazy ? sketchedRows(0.5) : right(auditor, check)))
    expect(pool.checks()).toMatchObject({ lazy: 1 })
    expect(standingOf(lazy)).toMatchObject({ changes: [{ reason: /what you had computed, and two other auditors/ }] })
    expect(pool.auditors.map(tab => standingOf(tab)?.weight === 0)).toEqual(pool.auditors.map(tab => tab === lazy))
    expect(pool.auditors.map(tab => isPaid(pool, tab))).toEqual(pool.auditors.map(tab => tab !== lazy))
    expect(pool.breaches).toEqual([])
    const before = lazy.commands.filter(({ type }) => type === 'run-check').length
    await answers(pool, 3, right)
    expect(lazy.commands.filter(({ type }) => type === 'run-check')).toHaveLength(before)
  })

  it('never finds honest auditors lazy, and whoever is off by what engines are', async () => {
    const pool = await openAuditedPool({ entropy: looking(true) })
    const random = createSeededRandom(3)
    await answers(pool, 12, (auditor, check) => {
      const exact = right(auditor, check)
      const bytes = Buffer.from(exact.sketch, 'hex')
      for (let at = 0; at < bytes.length; at += 4)
        bytes.writeFloatLE(bytes.readFloatLE(at) + (random.next() - 0.5) * 0.01, at)
      return { ...exact, sketch: bytes.toString('hex') }
    })
    expect(pool.checks()).toMatchObject({ audited: expect.toSatisfy((count: number) => count > 8) })
    expect(pool.checks()).not.toHaveProperty('disputed')
  })

  it.each([
    ['there is no third', { auditors: 2 }],
    ['the third is nobody that is vouched for', { auditors: 3, trusted: 2, maxSeats: 3 }],
    ['all three computed something else', { auditors: 3 }],
  ])('holds nothing against anybody where %s, and is counted', async (what, options) => {
    const pool = await openAuditedPool({ entropy: looking(true), ...options })
    const isAll = what.startsWith('all')
    await answers(pool, 2, (auditor, check) =>
      isAll || auditor === pool.auditors[0]
        ? sketchedRows(pool.auditors.indexOf(auditor) + 0.5)
        : right(auditor, check),
    )
    await pool.pool.clock.advance(60_000)
    const { audited, disputed } = pool.pool.desk.snapshot().checks!
    expect([audited, disputed! >= 2]).toEqual([disputed, true])
    expect(pool.checks()).not.toHaveProperty('lazy')
    expect(pool.auditors.some(tab => standingOf(tab)?.weight === 0)).toBe(false)
  })

  it('of two strangers who did not compute the same earns its seat no trust', async () => {
    const strangers = await openAuditedPool({ entropy: looking(true), auditors: 3, trusted: 0 })
    const entry = strangers.seats[0]!
    const trustIn = (): unknown =>
      strangers.pool.desk.snapshot().seats.find(({ peer }) => peer === entry.peer)?.standing
    const before = trustIn()
    await answers(strangers, 2, auditor => sketchedRows(strangers.auditors.indexOf(auditor) + 0.5))
    expect(strangers.checks()).toMatchObject({ disputed: 4 })
    expect(trustIn()).toEqual(before)
    await answers(strangers, 2, right)
    expect(trustIn()).not.toEqual(before)
  })
})
