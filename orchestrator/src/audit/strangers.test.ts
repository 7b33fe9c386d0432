import type { DeskCommand } from '@computepool/shared/wire'
import { expect, it } from 'vitest'
import { type AuditedPool, openAuditedPool, type RunCheck } from '../../testing/audited-pool.ts'
import type { FakeTab } from '../../testing/fake-tab.ts'

const judged = (auditor: FakeTab): Array<Extract<DeskCommand, { type: 'judge-evidence' }>> =>
  auditor.commands.flatMap(command => (command.type === 'judge-evidence' ? [command] : []))

/** Rounds until the one that is vouched for is at work, and a stranger was asked about the exit. */
async function busyTrusted(pool: AuditedPool): Promise<{ liar: FakeTab; check: RunCheck; own: RunCheck[] }> {
  const [vouched, ...strangers] = pool.auditors
  for (let round = 0; round < 10; round++) {
    await pool.answer()
    const own = pool.asked(vouched!)
    const theirs = strangers.flatMap(tab => pool.asked(tab).map(check => ({ tab, check })))
    const found = theirs.find(({ check }) => check.seat === 1)
    if (own.length > 0 && found !== undefined) return { liar: found.tab, check: found.check, own }
    for (const check of own) await pool.report(vouched!, check, 'agreed')
    for (const { tab, check } of theirs) await pool.report(tab, check, 'agreed')
    await pool.reportAll('agreed')
  }
  throw new Error('The one that is vouched for never was at work.')
}

async function judgeAll(pool: AuditedPool, verdictOf: (auditor: FakeTab) => 'guilty' | 'innocent'): Promise<void> {
  for (const auditor of pool.auditors)
    for (const { check, sha256 } of judged(auditor))
      auditor.say({ type: 'evidence-judged', check, sha256, verdict: verdictOf(auditor), words: '' })
  await pool.pool.clock.settle()
}

it('strangers judge nothing while somebody vouched for is here, at work or not: that one decides', async () => {
  const pool = await openAuditedPool({ auditors: 4, trusted: 1 })
  const [vouched, ...strangers] = pool.auditors
  const { liar, check, own } = await busyTrusted(pool)
  await pool.accuse(liar, check)
  await judgeAll(pool, () => 'guilty')
  await pool.pool.clock.advance(45_000)
  expect([strangers.flatMap(judged), pool.breaches]).toEqual([[], []])
  for (const each of own) await pool.report(vouched!, each, 'agreed')
  await judgeAll(pool, auditor => (auditor === vouched ? 'innocent' : 'guilty'))
  await pool.pool.clock.advance(45_000)
  expect([judged(vouched!).length, pool.breaches]).toEqual([1, []])
})

it('strangers’ words alone neither convict nor make a false witness where the one that is vouched for has gone', async () => {
  for (const verdict of ['guilty', 'innocent'] as const) {
    const pool = await openAuditedPool({ auditors: 4, trusted: 1 })
    const { liar, check } = await busyTrusted(pool)
    await pool.accuse(liar, check)
    pool.auditors[0]!.leave()
    await pool.pool.clock.settle()
    await judgeAll(pool, () => verdict)
    await pool.pool.clock.advance(45_000)
    expect(pool.breaches).toEqual([])
    expect(pool.checks()).toMatchObject({ unjudged: 1 })
    // Its accuser is asked about others’ work as before.
    const before = liar.commands.length
    for (let round = 0; round < 4; round++) {
      await pool.answer()
      await pool.reportAll('agreed')
    }
    expect(liar.commands.slice(before).some(({ type }) => type === 'run-check')).toBe(true)
  }
})

it('two strangers who say that a seat withheld bar nobody, whether somebody vouched for is here or not', async () => {
  for (const trusted of [1, 0]) {
    const pool = await openAuditedPool({ auditors: 4, trusted })
    const exit = pool.seats[1]!
    for (let round = 0; round < 8; round++) {
      await pool.answer()
      for (let isDone = false; !isDone; ) {
        isDone = true
        for (const [index, auditor] of pool.auditors.entries())
          for (const check of pool.asked(auditor)) {
            isDone = false
            if (index < trusted || check.seat === 0) await pool.report(auditor, check, 'agreed')
            else await pool.report(auditor, check, 'withheld', { blamed: exit.peer as never })
          }
      }
    }
    expect(pool.checks()).not.toHaveProperty('withheld')
    expect(pool.pool.desk.snapshot().seats.some(({ peer }) => peer === exit.peer)).toBe(true)
  }
})
