import { expect, it } from 'vitest'
import { type AuditedPool, openAuditedPool } from '../../testing/audited-pool.ts'
import type { FakeTab } from '../../testing/fake-tab.ts'

const toldOf = (tab: FakeTab) => tab.commands.findLast(command => command.type === 'standing-told')
const seated = ({ pool }: AuditedPool): string[] => pool.desk.snapshot().seats.map(({ peer }) => peer)

it('a seat that never signs goes to somebody else, and is not a shield of the one before it', async () => {
  const pool = await openAuditedPool({
    seat: { receipt: (body, signer) => (body.seat === 1 ? null : signer.sign(body)) },
    others: 1,
  })
  const exit = pool.seats[1]!
  for (let round = 0; round < 3; round++) {
    await pool.answer()
    await pool.pool.clock.advance(15_000)
  }
  expect(pool.checks()).toMatchObject({ drawn: 3, unanswered: 3 })
  expect(toldOf(exit)).toMatchObject({
    failed: 0,
    changes: [{ reason: expect.stringContaining('without a whole receipt') }],
  })
  await pool.pool.clock.advance(120_000)
  pool.pool.hub.tab(81, { model: pool.pool.model }).join()
  await pool.pool.clock.advance(120_000)
  expect(seated(pool)).not.toContain(exit.peer)
})

it('a seat that stands still whenever it is checked gives it to somebody else, with no failure', async () => {
  const pool = await openAuditedPool()
  const exit = pool.seats[1]!
  const stats = { type: 'stats-reported', requests: 0, stepMs: null, weightsBytes: 1, kvBytes: 0 } as const
  for (let round = 0; round < 5; round++) {
    expect(JSON.stringify(toldOf(exit) ?? '')).not.toContain('found you gone, still')
    await pool.answer()
    exit.say({ ...stats, tokensServed: 0, isHidden: false })
    await pool.pool.clock.advance(3500)
    await pool.reportAll('withheld', check => (check.seat === 1 ? exit.peer : null))
  }
  await pool.pool.clock.advance(5000)
  expect(JSON.stringify(toldOf(exit))).toContain('found you gone, still')
  expect(toldOf(exit)).toMatchObject({ failed: 0 })
})

it('a seat that lets no auditor link to it gives it to somebody else, on the word of whom the owner vouches for alone', async () => {
  for (const trusted of [3, 0]) {
    const pool = await openAuditedPool({ auditors: 3, trusted })
    const exit = pool.seats[1]!
    for (let round = 0; round < 5; round++) {
      await pool.answer()
      await pool.reportAll('failed', check => (check.seat === 1 ? exit.peer : null))
    }
    await pool.pool.clock.advance(5000)
    expect(JSON.stringify(toldOf(exit) ?? '').includes('without a way to you')).toBe(trusted > 0)
    expect(toldOf(exit)?.failed ?? 0).toBe(0)
  }
})

it('a seat whose work no auditor can check gives it to somebody else, where one that is vouched for says so and none could', async () => {
  const rounds: [number, boolean, boolean][] = [
    [3, false, true],
    [0, false, false],
    [3, true, false],
  ]
  for (const [trusted, isOneAway, isTold] of rounds) {
    const pool = await openAuditedPool({ auditors: 3, trusted })
    const [entry, exit] = pool.seats
    for (let round = 0; round < 5; round++) {
      expect(JSON.stringify(toldOf(exit!) ?? '')).not.toContain('could not be checked')
      await pool.answer()
      // The entry's are met; of the exit's one may find nobody to blame, or say nothing.
      const { auditor, check } = await pool.next(1)
      if (isOneAway) await pool.pool.clock.advance(check.withinMs + 5000)
      else await pool.report(auditor, check, 'failed')
      await pool.reportAll('failed')
      await pool.pool.clock.advance(130_000)
    }
    expect(JSON.stringify(toldOf(exit!) ?? '').includes('could not be checked')).toBe(isTold)
    for (const seat of [entry!, exit!]) expect(toldOf(seat)?.failed ?? 0).toBe(0)
    expect(JSON.stringify(toldOf(entry!) ?? '')).not.toContain('could not be checked')
  }
})
