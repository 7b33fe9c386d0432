import { createManualClock } from '@computepool/shared/testing'
import type { DeskCommand, DeskRequest, Seat } from '@computepool/shared/wire'
import { describe, expect, it } from 'vitest'
import { createMemoryStandingStore, createStandingDesk, type StandingRecord } from './index.ts'

const wallet = (digit: string): string => `0x${digit.padStart(40, '0')}`
const peer = (digit: string, start = 1): string => `${wallet(digit)}.${String(start).padStart(8, '0')}`
const joined = { type: 'peer-joined', version: 1, agent: 'test', role: 'operator' } as unknown as DeskRequest
const seats = (...digits: string[]): Seat[] =>
  digits.map((digit, seat) => ({ seat, peer: peer(digit), layers: { start: seat, end: seat + 1 } }))

async function open(kept?: Map<string, StandingRecord>) {
  const clock = createManualClock(Date.UTC(2026, 0, 1))
  const weights: Array<readonly [Readonly<Record<string, number>>, readonly string[]]> = []
  const told: Array<readonly [string, DeskCommand]> = []
  const staked = new Set<string>()
  const unwilling = new Set<string>()
  let hear = (_peer: string, _request: DeskRequest): void => {}
  const desk = createStandingDesk({ clock, store: createMemoryStandingStore(kept) })
  desk.serve({
    isStaked: operator => staked.has(operator),
    stakeFactorOf: operator => (unwilling.has(operator) ? 0.02 : 1),
    weigh: (weighed, holders = []) => void weights.push([weighed, holders]),
    tell: (to, command) => void told.push([to, command]),
    onRequest: listener => {
      hear = listener
      return () => {
        hear = () => {}
      }
    },
  })
  const check = (operator: string, times: number): void => {
    for (let turn = 0; turn < times; turn++) desk.book.note(operator, { type: 'checked', atMs: clock.wallMs() })
  }
  await clock.settle()
  return {
    staked,
    unwilling,
    clock,
    weights,
    told,
    desk,
    check,
    join: (who: string) => hear(who, joined),
    say: () => hear(peer('f'), { type: 'peer-draining' }),
  }
}

describe('an operator', () => {
  it('hears how it stands when it joins, by each of its peers', async () => {
    const { told, join } = await open()
    for (const who of [peer('a'), peer('a', 2), peer('b')]) join(who)
    expect(told.map(([to, { type }]) => [to, type])).toEqual(
      [peer('a'), peer('a', 2), peer('b')].map(to => [to, 'standing-told']),
    )
  })

  it('hears of a change at once, and of those right after it together', async () => {
    const { told, join, check, clock } = await open()
    join(peer('a'))
    told.length = 0
    check(wallet('a'), 30)
    expect(told).toHaveLength(1)
    await clock.advance(1999)
    expect(told).toHaveLength(1)
    await clock.advance(1)
    expect(told.map(([, command]) => command.type === 'standing-told' && command.checked)).toEqual([
      1,
      expect.closeTo(30),
    ])
    await clock.advance(10_000)
    expect([told.length, clock.pending]).toEqual([2, 0])
  })

  it('that has gone is told nothing, and what is learnt of it still counts', async () => {
    const { told, join, check, desk, weights } = await open()
    join(peer('a'))
    desk.gone(peer('a'), true)
    told.length = 0
    check(wallet('a'), 20)
    expect(told).toEqual([])
    expect(desk.book.of(wallet('a'))).toMatchObject({ checked: 20, leftEarly: 1 })
    expect(weights.at(-1)![0][wallet('a')]).toBeCloseTo(desk.book.weightOf(wallet('a')), 1)
  })
})

describe('placement', () => {
  it('hears of a ban at once, and of small changes not at all', async () => {
    const { weights, check, desk } = await open()
    check(wallet('a'), 500)
    const before = weights.length
    check(wallet('a'), 5)
    expect(weights).toHaveLength(before)
    desk.book.convict(wallet('a'), 'wrong-output')
    expect(weights.at(-1)).toEqual([{ [wallet('a')]: 0 }, []])
  })

  it('hears who may hold text within seconds of a stake that comes or goes', async () => {
    const { weights, check, clock, staked, say, join } = await open()
    join(peer('a'))
    check(wallet('a'), 40)
    expect(weights.flatMap(([, holders]) => holders)).toEqual([])
    staked.add(wallet('a'))
    await clock.advance(5000)
    say()
    expect(weights.at(-1)![1]).toEqual([wallet('a')])
    staked.clear()
    await clock.advance(5000)
    say()
    expect(weights.at(-1)).toEqual([{ [wallet('a')]: expect.closeTo(0.7) }, []])
  })

  it('hears within seconds of one that will not stake, and of its word too; its standing is what it was', async () => {
    const { weights, check, clock, unwilling, say, join, desk } = await open()
    join(peer('a'))
    check(wallet('a'), 40)
    const asked = async (): Promise<number> => {
      await clock.advance(5000)
      say()
      return weights.at(-1)![0][wallet('a')]!
    }
    unwilling.add(wallet('a'))
    expect(await asked()).toBeCloseTo(0.7 * 0.02)
    expect(desk.book.of(wallet('a')).failed).toBe(0)
    expect(desk.book.weightOf(wallet('a'))).toBeCloseTo(0.7)
    unwilling.clear()
    expect(await asked()).toBeCloseTo(0.7)
  })

  it('hears of all that was kept in one word', async () => {
    const { desk, check } = await open()
    check(wallet('a'), 40)
    desk.book.convict(wallet('c'), 'wrong-output')
    const kept = new Map(
      ['a', 'c'].map(digit => {
        const operator = wallet(digit)
        const standing = desk.book.of(operator)
        return [operator, { operator, standing, changes: [], convictedAtMs: null, withheld: null }]
      }),
    )
    const next = await open(kept)
    expect(next.weights).toHaveLength(1)
    expect(next.weights[0]![0]).toMatchObject({ [wallet('a')]: expect.closeTo(0.7), [wallet('c')]: 0 })
  })

  it('hears of weights that faded by themselves within the hour', async () => {
    const { weights, check, clock, say } = await open()
    check(wallet('a'), 40)
    const before = weights.at(-1)![0][wallet('a')]!
    await clock.advance(20 * 86_400_000)
    say()
    expect(weights.at(-1)![0][wallet('a')]).toBeLessThan(before - 0.05)
  })
})

describe('an attempt that was settled', () => {
  const verdict = { verdict: 'whole', faults: [], whole: [0, 1, 2] } as const

  it('counts its seconds once for each wallet whose receipts were whole', async () => {
    const { desk } = await open()
    desk.settled(verdict, { seats: seats('a', 'b', 'a'), ranMs: 3000 })
    desk.settled(
      { verdict: 'broken', faults: [{ fault: 'broken', seats: [0, 1], words: '' }], whole: [2] },
      { seats: seats('a', 'b', 'a'), ranMs: 5000 },
    )
    expect(['a', 'b'].map(digit => desk.book.of(wallet(digit)).served)).toEqual([3, 3])
  })
})
