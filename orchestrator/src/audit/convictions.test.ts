import { describe, expect, it } from 'vitest'
import { barred, judge, judgesOf } from '../../testing/audit-verdicts.ts'
import { openAuditedPool } from '../../testing/audited-pool.ts'
import type { FakeTab } from '../../testing/fake-tab.ts'

const wallet = ({ peer }: FakeTab): string => peer.slice(0, 42)

describe('a seat whose work came out otherwise', () => {
  it('is convicted where two more auditors find the same, loses its seat at once, and stays out', async () => {
    const pool = await openAuditedPool()
    const [entry, exit] = pool.seats
    await pool.answer()
    const { auditor, check } = await pool.next(1)
    expect(await pool.accuse(auditor, check)).toBe(201)
    expect(barred(pool)).toEqual([false, false])
    expect(
      judgesOf(pool)
        .map(each => each.auditor.peer)
        .sort(),
    ).toEqual(
      pool.auditors
        .filter(other => other !== auditor)
        .map(({ peer }) => peer)
        .sort(),
    )
    await judge(pool, ['guilty', 'guilty'])
    const { sha256 } = judgesOf(pool)[0]!
    const { requestId, epoch } = check.attempts.at(-1)!
    expect(pool.breaches).toEqual([
      {
        ...{ operator: wallet(exit!), peer: exit!.peer, requestId, epoch, seat: 1, what: 'wrong-output' },
        members: [wallet(entry!), wallet(exit!)],
        evidence: { sha256, path: `/api/evidence/${sha256}` },
      },
    ])
    expect(pool.pool.desk.snapshot().explanation).toContain('its standing bars it')
    // Anybody may fetch what convicted it.
    const fetched = await pool.pool.app.request(`/api/evidence/${sha256}`)
    expect([fetched.status, (await fetched.arrayBuffer()).byteLength > 100]).toEqual([200, true])
    // Another start of the same wallet gets nothing; a stranger does.
    pool.pool.hub.tab(Number(wallet(exit!).slice(-2)), { model: pool.pool.model, start: 77 }).join()
    await pool.pool.clock.settle()
    expect(pool.pool.desk.snapshot().status).toBe('waiting')
    pool.pool.hub.tab(60, { model: pool.pool.model }).join()
    await pool.pool.clock.settle()
    expect(
      pool.pool.desk
        .snapshot()
        .seats.map(({ peer }) => peer.slice(0, 42))
        .sort(),
    ).toEqual([wallet(entry!), `0x${'60'.padStart(40, '0')}`].sort())
  })

  it('is innocent where both find it so, and its accuser is asked nothing more', async () => {
    const pool = await openAuditedPool()
    await pool.answer()
    const { auditor, check } = await pool.next(1)
    await pool.accuse(auditor, check)
    await judge(pool, ['innocent', 'unsound'])
    expect([pool.breaches, barred(pool)]).toEqual([[], [false, false]])
    await pool.reportAll('agreed')
    for (let round = 0; round < 4; round++) {
      await pool.answer()
      expect(pool.asked(auditor)).toEqual([])
      await pool.reportAll('agreed')
    }
    const drawn = pool.pool.desk.snapshot().checks!.drawn
    expect(pool.checks()).toEqual({ drawn, agreed: drawn })
    expect(drawn).toBeGreaterThan(5)
  })

  it('is neither where one says so and one not, and nobody else is there', async () => {
    const pool = await openAuditedPool({ auditors: 2 })
    await pool.answer()
    const { auditor, check } = await pool.next(1)
    await pool.accuse(auditor, check)
    await judge(pool, ['innocent'])
    await pool.pool.clock.advance(60_000)
    expect(pool.checks()).toMatchObject({ unjudged: 1 })
    expect([pool.breaches, barred(pool)]).toEqual([[], [false, false]])
  })

  it('is convicted by the only auditor there is, if the owner vouches for it, and else by none', async () => {
    for (const trusted of [1, 0]) {
      const pool = await openAuditedPool({ auditors: 1, trusted })
      await pool.answer()
      const { auditor, check } = await pool.next(1)
      await pool.accuse(auditor, check)
      await pool.pool.clock.advance(60_000)
      expect(pool.breaches.length).toBe(trusted)
    }
  })

  it('is not convicted by a crowd that nobody vouches for, against one that somebody does', async () => {
    const pool = await openAuditedPool({ auditors: 4, trusted: 1 })
    await pool.answer()
    const found = await pool.next(1)
    await pool.accuse(found.auditor, found.check)
    const isTrusted = (auditor: FakeTab): boolean => auditor === pool.auditors[0]
    for (const { auditor, check, sha256 } of judgesOf(pool)) {
      auditor.say({
        type: 'evidence-judged',
        check,
        sha256,
        verdict: isTrusted(auditor) ? 'innocent' : 'guilty',
        words: '',
      })
    }
    await pool.pool.clock.settle()
    expect(judgesOf(pool).length + Number(isTrusted(found.auditor))).toBeGreaterThan(1)
    expect(pool.breaches.length).toBe(isTrusted(found.auditor) ? 1 : 0)
  })

  it('is not accused by evidence about somebody else, or by none', async () => {
    const pool = await openAuditedPool()
    await pool.answer()
    const first = await pool.next(1)
    await pool.report(first.auditor, first.check, 'differs', { evidence: { sha256: 'ab'.repeat(32), sizeBytes: 9 } })
    const second = await pool.next(1)
    await pool.accuse(second.auditor, second.check, { accused: { peer: pool.seats[0]!.peer as never } })
    const third = await pool.next(1)
    await pool.accuse(third.auditor, third.check, { check: { ...third.check.plan, endPosition: 1_000 } })
    expect(judgesOf(pool)).toEqual([])
    await pool.pool.clock.advance(400_000)
    expect([pool.checks(), pool.breaches]).toEqual([{ drawn: 2, agreed: 1, unanswered: 1 }, []])
  })
})

describe('an auditor that finds nothing', () => {
  it('is looked at in turn, and is out where what it passed was garbage', async () => {
    const pool = await openAuditedPool()
    const [lazy, ...honest] = pool.auditors
    // It agrees to all; the others find out whatever they are asked.
    for (let round = 0; round < 200 && pool.breaches.length === 0; round++) {
      await pool.answer()
      for (const check of pool.asked(lazy!)) await pool.report(lazy!, check, 'agreed')
      // Let honest auditors see only what the lazy one has passed before.
      for (const auditor of honest) {
        for (const check of pool.asked(auditor)) {
          const isSecond = lazy!.commands.some(
            command =>
              command.type === 'run-check' && command.seat === check.seat && command.plan.secret === check.plan.secret,
          )
          if (isSecond) await pool.accuse(auditor, check)
          else await pool.report(auditor, check, 'agreed')
        }
      }
      await judge(pool, ['guilty'])
      // Nobody else is left to ask.
      if (judgesOf(pool).length > 0) await pool.pool.clock.advance(30_000)
    }
    expect(pool.breaches.length).toBe(1)
    expect(pool.pool.desk.snapshot().checks).toMatchObject({ differs: 1 })
  })
})

it('checks of a ring that lost a convict end at once: nobody can hand over what they need', async () => {
  const pool = await openAuditedPool({ auditors: 1 })
  await pool.answer()
  const [auditor] = pool.auditors
  const [first] = pool.asked(auditor!)
  await pool.accuse(auditor!, first!)
  expect(pool.asked(auditor!)).toHaveLength(1)
  await pool.answer()
  await pool.pool.clock.advance(30_000)
  expect(pool.breaches).toHaveLength(1)
  expect(pool.checks()).toEqual({ drawn: 4, differs: 1, unanswered: 3 })
})
