import fc from 'fast-check'
import { expect, it } from 'vitest'
import { openAuditedPool } from '../../testing/audited-pool.ts'
import type { FakeTab } from '../../testing/fake-tab.ts'
import { unitsNow } from '../payments/work-of-rings.ts'
import { auditPeriodMs, auditUnits, createAuditPay } from './audit-pay.ts'

const wallet = ({ peer }: FakeTab): string => peer.slice(0, 42)
const hour = 3_600_000

function open() {
  const clock = { ms: 0 }
  const unpaid = new Set<string>()
  const pay = createAuditPay({ nowMs: () => clock.ms, isPaid: operator => !unpaid.has(operator) })
  const units = (): Record<string, number> =>
    Object.fromEntries(pay.shares().map(({ operator, units }) => [operator, units]))
  return { clock, unpaid, pay, units }
}

it('shares a fixed sum by what was computed, period by period, and forgets after an hour', () => {
  const { clock, pay, units } = open()
  expect(units()).toEqual({})
  pay.earned('a', 100)
  expect(units()).toEqual({ a: auditUnits })
  for (let i = 0; i < 3; i++) pay.earned('b', 100)
  // Each change is a transaction: not before the period is over.
  expect(units()).toEqual({ a: auditUnits })
  clock.ms += auditPeriodMs
  expect(pay.shares()).toEqual([
    { operator: 'b', checks: 3, units: 15 },
    { operator: 'a', checks: 1, units: 5 },
  ])
  clock.ms += hour
  expect(units()).toEqual({})
})

it('keeps units as they are where shares differ by no more than one', () => {
  const { clock, pay, units } = open()
  const work = (a: number, b: number): void => {
    pay.earned('a', a)
    pay.earned('b', b)
  }
  work(50, 50)
  expect(units()).toEqual({ a: 10, b: 10 })
  clock.ms += auditPeriodMs
  work(57, 50)
  expect(units()).toEqual({ a: 10, b: 10 })
  expect(pay.shares().map(({ checks }) => checks)).toEqual([2, 2])
  clock.ms += auditPeriodMs
  work(100, 50)
  expect(units()).toEqual({ a: 12, b: 8 })
})

it('takes all from whoever is not to be paid any more, at once', () => {
  const { unpaid, pay, units } = open()
  for (const operator of ['a', 'b']) pay.earned(operator, 1)
  units()
  unpaid.add('a')
  expect(units()).toEqual({ b: auditUnits })
  unpaid.add('b')
  expect(units()).toEqual({})
})

it('never gives more than the sum, and all of it where anything was done', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(20), fc.integer({ min: 1, max: 1e6 })), { maxLength: 60 }), done => {
      const { pay } = open()
      for (const [at, work] of done) pay.earned(`auditor ${at}`, work)
      const units = pay.shares().map(({ units }) => units)
      expect(units.reduce((sum, each) => sum + each, 0)).toBe(done.length === 0 ? 0 : auditUnits)
      expect(units.every(each => each > 0)).toBe(true)
    }),
  )
})

it('pays auditors that are vouched for beside the ring, at most two in a hundred', async () => {
  const pool = await openAuditedPool()
  const { desk } = pool.pool
  await pool.answer()
  await pool.reportAll('agreed')
  const paid = desk.snapshot().auditPay!
  expect(paid.reduce((sum, { units }) => sum + units, 0)).toBe(auditUnits)
  const members = unitsNow(desk.snapshot(), () => false)
  const total = members.reduce((sum, { units }) => sum + units, 0)
  expect(auditUnits / total).toBeLessThanOrEqual(0.02)
  const earning = new Set(members.map(({ member }) => member))
  for (const { operator } of paid) expect(earning).toContain(operator)
  for (const seat of pool.seats) expect(earning).toContain(wallet(seat))
})

it('pays strangers for nothing that nobody vouched for confirmed, however many agree', async () => {
  const pool = await openAuditedPool({ auditors: 4, trusted: 0 })
  for (let round = 0; round < 4; round++) {
    await pool.answer()
    await pool.reportAll('agreed')
  }
  expect(pool.checks()).toHaveProperty('agreed')
  expect(pool.pool.desk.snapshot().auditPay).toBeUndefined()
})

it('pays whose word the verdict bore out, and a false witness nothing, nor for what it had done', async () => {
  const pool = await openAuditedPool()
  await pool.answer()
  // The other seat's check is met, so that whoever did it has earned something.
  const { auditor: liar, check } = await pool.next(1)
  await pool.accuse(liar, check)
  const judges = pool.auditors.filter(auditor => auditor !== liar)
  for (const judge of judges) {
    const asked = judge.commands.findLast(command => command.type === 'judge-evidence')!
    judge.say({ type: 'evidence-judged', check: asked.check, sha256: asked.sha256, verdict: 'innocent', words: '' })
  }
  await pool.pool.clock.advance(auditPeriodMs)
  const paid = pool.pool.desk.snapshot().auditPay!.map(({ operator }) => operator)
  expect(new Set(paid)).toEqual(new Set(judges.map(wallet)))
})
