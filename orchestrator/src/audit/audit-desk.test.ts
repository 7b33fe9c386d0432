import { commitmentOf } from '@computepool/shared/audit'
import { describe, expect, it } from 'vitest'
import { barred } from '../../testing/audit-verdicts.ts'
import { type AuditedPool, openAuditedPool, type RunCheck } from '../../testing/audited-pool.ts'
import type { FakeTab } from '../../testing/fake-tab.ts'

describe('a check', () => {
  it('is bound before the work: its nonce opens with the secret, terms and manifest that the auditor is told', async () => {
    const pool = await openAuditedPool()
    await pool.answer()
    const { check } = await pool.next(0)
    const { secret, terms } = check.plan
    expect(pool.seats[0]!.jobs[0]!.nonce).toBe(commitmentOf(secret, terms))
    expect(terms).toMatchObject({ manifestSha256: 'ab'.repeat(32), policies: [{ rate: 1 }, { rate: 1 }] })
    expect(check.attempts[0]!.receipt).toMatchObject({ seat: 0, nonce: commitmentOf(secret, terms) })
    // The entry's text, which the desk has; what it sent, from the seat behind.
    const { promptTokens, requestId } = pool.seats[0]!.jobs[0]!
    expect(check.attempts).toMatchObject([{ requestId, text: { tokens: promptTokens, position: 0 } }])
    expect([check.receivedFrom, check.sentFrom]).toEqual([null, pool.seats[1]!.peer])
    expect(check.plan.positions).toBe(promptTokens.length + 2)
  })

  it('ends later where nobody measured such engines: there a few rows alone prove nothing', async () => {
    // In f32 on weights in f16.
    for (const [engine, window] of [
      ['wasm', 24],
      ['webgpu', 64],
    ] as const) {
      const pool = await openAuditedPool({ seat: { engine } })
      await pool.answer()
      const { check } = await pool.next(0)
      expect(check.plan.terms.policies.map(policy => policy.window)).toEqual([window, window])
    }
  })

  it('asks seats to hand over to an auditor that was linked to them and has loaded the layers', async () => {
    const pool = await openAuditedPool()
    await pool.answer()
    const { auditor, check } = await pool.next(1)
    const [entry, exit] = pool.seats
    const prepared = auditor.commands.find(command => command.type === 'prepare-slice')
    expect(prepared).toMatchObject({ epoch: check.epoch, layers: exit!.assignment().seats[1]!.layers })
    const secretOf = (tab: FakeTab, other: FakeTab): string | undefined =>
      tab.commands
        .flatMap(command =>
          command.type === 'routes-renewed' || command.type === 'prepare-slice' ? command.routes : [],
        )
        .findLast(({ peer }) => peer === other.peer)?.secret
    for (const seat of [entry!, exit!]) {
      expect(secretOf(seat, auditor)).toBeDefined()
      expect(secretOf(seat, auditor)).toBe(secretOf(auditor, seat))
    }
    expect([...pool.pool.hub.coalitions.values()][0]).toEqual(expect.arrayContaining([auditor.peer, exit!.peer]))
    // The exit tells what it received and what it drew; nobody else has any of it.
    const orders = [entry!, exit!].map(({ commands }) =>
      commands.flatMap(command => (command.type === 'hand-over' && command.check === check.check ? [command.as] : [])),
    )
    expect(orders).toEqual([[], ['received']])
    expect([check.receivedFrom, check.sentFrom]).toEqual([exit!.peer, exit!.peer])
  })

  it('that finds the same is one more that its operator met, and is counted where all can see it', async () => {
    const pool = await openAuditedPool()
    await pool.answer()
    expect(await pool.reportAll('agreed')).toBe(2)
    expect(pool.checks()).toEqual({ drawn: 2, agreed: 2 })
    expect(pool.pool.desk.snapshot().checks!.computeMs).toBe(10)
    const metrics = await (await pool.pool.app.request('/metrics')).text()
    expect(metrics).toContain('computepool_checks_total{outcome="agreed"} 2')
    const trace = await (await pool.pool.app.request(`/api/requests/${pool.seats[0]!.jobs[0]!.requestId}/trace`)).text()
    expect(trace.match(/check: agreed/g)).toHaveLength(2)
  })

  it('is heard only from whom it was asked', async () => {
    const pool = await openAuditedPool()
    await pool.answer()
    const { auditor, check } = await pool.next(1)
    for (const other of [...pool.auditors, ...pool.seats]) {
      if (other !== auditor) await pool.report(other, check, 'agreed')
    }
    expect(pool.checks()).toEqual({ drawn: 2, agreed: 1 })
    await pool.report(auditor, check, 'agreed')
    await pool.report(auditor, check, 'agreed')
    expect(pool.checks()).toEqual({ drawn: 2, agreed: 2 })
  })

  it('is answered by nobody where there is no auditor, and hurts nobody', async () => {
    const pool = await openAuditedPool({ auditors: 0 })
    await pool.answer()
    await pool.pool.clock.advance(60_000)
    expect([pool.checks(), barred(pool)]).toEqual([{ drawn: 2, unanswered: 2 }, [false, false]])
  })

  it('is done by a standby that holds the layers, if there is one', async () => {
    const pool = await openAuditedPool({ auditors: 0, others: 0, seat: {} })
    const standby = pool.pool.hub.tab(90, { model: pool.pool.model })
    standby.join()
    await pool.pool.clock.settle()
    await pool.answer()
    expect(pool.asked(standby)).toHaveLength(1)
  })

  it('goes to another auditor where one fails, leaves, or says nothing, and then to nobody', async () => {
    const pool = await openAuditedPool()
    await pool.answer()
    const first = await pool.next(1)
    await pool.report(first.auditor, first.check, 'failed')
    const second = await pool.next(1)
    second.auditor.leave()
    await pool.pool.clock.settle()
    const third = await pool.next(1)
    expect(new Set([first, second, third].map(({ auditor }) => auditor.peer)).size).toBe(3)
    expect(new Set([first, second, third].map(({ check }) => check.check)).size).toBe(3)
    await pool.pool.clock.advance(400_000)
    expect(pool.checks()).toEqual({ drawn: 2, agreed: 1, unanswered: 1 })
    expect(third.auditor.commands.at(-1)).toEqual({ type: 'drop-check', check: third.check.check })
    expect(barred(pool)).toEqual([false, false])
  })

  it('is over when the seat goes: what it has not handed over nobody can have', async () => {
    const pool = await openAuditedPool()
    await pool.answer()
    pool.seats[1]!.vanish()
    await pool.pool.clock.settle()
    expect(pool.checks()).toMatchObject({ drawn: 2, unanswered: 2 })
  })

  it('proves nothing between engines that nobody measured', async () => {
    const pool = await openAuditedPool()
    await pool.answer()
    await pool.reportAll('unjudged')
    expect([pool.checks(), barred(pool)]).toEqual([{ drawn: 2, unjudged: 2 }, [false, false]])
  })
})

describe('a seat that does not hand over what it signed for', () => {
  it.each([0, 1])('is forgiven once, and out where two auditors say so twice within an hour', async seat => {
    const pool = await openAuditedPool()
    const { peer } = pool.seats[seat]!
    const blamed = (check: RunCheck): string | null => (check.seat === seat ? peer : null)
    await pool.answer()
    await pool.reportAll('withheld', blamed)
    expect([pool.checks(), barred(pool)]).toEqual([{ drawn: 2, withheld: 1, unanswered: 1 }, [false, false]])
    await pool.pool.clock.advance(200_000)
    await pool.answer()
    await pool.reportAll('withheld', blamed)
    expect(pool.checks()).toMatchObject({ withheld: 2 })
    expect(barred(pool)).toEqual([true, true])
    expect(pool.pool.desk.snapshot().explanation).toContain('its standing bars it')
    expect(pool.breaches).toEqual([])
  })

  it('is believed where the second auditor received all of it', async () => {
    const pool = await openAuditedPool()
    for (let round = 0; round < 3; round++) {
      await pool.answer()
      const { auditor, check } = await pool.next(1)
      await pool.report(auditor, check, 'withheld', { blamed: pool.seats[1]!.peer as never })
      await pool.reportAll('agreed')
      await pool.pool.clock.advance(200_000)
    }
    expect(pool.checks()).not.toHaveProperty('withheld')
    expect(barred(pool)).toEqual([false, false])
  })

  it('owes it where it says itself that it has it no more', async () => {
    const pool = await openAuditedPool()
    for (let round = 0; round < 2; round++) {
      await pool.answer()
      const { check } = await pool.next(1)
      pool.seats[0]!.say({ type: 'hand-over-refused', check: check.check, words: 'Not asked.' })
      expect(pool.checks()).not.toHaveProperty('withheld', round + 1)
      pool.seats[1]!.say({ type: 'hand-over-refused', check: check.check, words: 'Gone.' })
      expect(pool.checks()).toHaveProperty('withheld', round + 1)
      await pool.reportAll('agreed')
    }
    expect(barred(pool)).toEqual([true, true])
  })
})

it('a seat that stands still before it refuses is not excused by that', async () => {
  const pool = await openAuditedPool()
  const exit = pool.seats[1]!
  const stats = { type: 'stats-reported', requests: 0, stepMs: null, weightsBytes: 1, kvBytes: 0 } as const
  for (let round = 1; round <= 2; round++) {
    await pool.answer()
    exit.say({ ...stats, tokensServed: 0, isHidden: false })
    const { check } = await pool.next(1)
    await pool.pool.clock.advance(3500)
    exit.say({ type: 'hand-over-refused', check: check.check, words: 'Gone.' })
    await pool.pool.clock.settle()
    expect(pool.checks()).toHaveProperty('withheld', round)
    await pool.reportAll('agreed')
  }
  expect(barred(pool)).toEqual([true, true])
})

describe('auditors that nobody vouches for', () => {
  const trustOf = ({ pool }: AuditedPool, { peer }: FakeTab): number =>
    pool.desk.snapshot().seats.find(seat => seat.peer === peer)?.standing?.checked ?? 0

  it('are asked after those that the owner vouches for, standbys with the layers among them', async () => {
    const pool = await openAuditedPool()
    const standby = pool.pool.hub.tab(90, { model: pool.pool.model })
    standby.join()
    await pool.pool.clock.settle()
    for (let round = 0; round < 4; round++) {
      await pool.answer()
      expect(pool.asked(standby)).toEqual([])
      await pool.reportAll('agreed')
    }
  })

  it('end nothing by their word where one is here that is: it looks again, every time, and only then trust is earned', async () => {
    const pool = await openAuditedPool({ auditors: 2, trusted: 1 })
    const [vouched, stranger] = pool.auditors
    let [met, looks, second] = [0, 0, 0]
    for (let round = 1; round <= 6; round++) {
      await pool.answer()
      const theirs = pool.asked(stranger!)
      // What the entry was sent is whole text: that is for the vouched one. With the trust that it earns, a seat is left out now and then.
      expect(theirs.every(({ seat }) => seat === 1)).toBe(true)
      for (const check of theirs) await pool.report(stranger!, check, 'agreed')
      expect(trustOf(pool, pool.seats[1]!)).toBe(met)
      const own: number[] = []
      for (let found = pool.asked(vouched!); found.length > 0; found = pool.asked(vouched!)) {
        own.push(...found.map(({ seat }) => seat))
        for (const check of found) await pool.report(vouched!, check, 'agreed')
      }
      for (const { seat } of theirs) expect(own).toContain(seat)
      second += theirs.length
      looks += own.length
      met += own.filter(seat => seat === 1).length
      expect(trustOf(pool, pool.seats[1]!)).toBe(met)
    }
    expect(met).toBeGreaterThan(4)
    expect(pool.checks()).toEqual({ drawn: looks, agreed: looks, audited: second })
  })

  it('cannot end a check by judging nothing where one is here that is vouched for', async () => {
    const pool = await openAuditedPool({ auditors: 2, trusted: 1 })
    const [vouched, stranger] = pool.auditors
    await pool.answer()
    for (const check of pool.asked(stranger!)) await pool.report(stranger!, check, 'unjudged')
    for (const check of pool.asked(vouched!)) await pool.report(vouched!, check, 'agreed')
    expect(pool.asked(vouched!).map(({ seat }) => seat)).toEqual([1])
  })

  it('are looked at by each other in three checks of five where nobody is vouched for', async () => {
    const pool = await openAuditedPool({ auditors: 2, trusted: 0 })
    let asked = 0
    for (let round = 0; round < 60; round++) {
      await pool.answer()
      asked += await pool.reportAll('agreed')
    }
    const { drawn, agreed } = pool.checks() as { drawn: number; agreed: number }
    expect(agreed).toBe(drawn)
    expect((asked - drawn) / drawn).toBeGreaterThan(0.5)
    expect((asked - drawn) / drawn).toBeLessThan(0.72)
    // One stranger's word earned nobody anything.
    expect(pool.seats.reduce((sum, seat) => sum + trustOf(pool, seat), 0)).toBe(asked - drawn)
  })
})
