import { createManualClock } from '@computepool/shared/testing'
import { expect, it } from 'vitest'
import type { Desk } from '../dispatch/index.ts'
import { followRing } from './follow-ring.ts'

type Snapshot = ReturnType<Desk['snapshot']>

/** A desk whose ring is what a test says, and a ledger that fails where a test says so. */
function open() {
  const clock = createManualClock()
  const rings: string[][] = []
  let forming = 0
  const ordered: string[][] = []
  let units: Record<string, number> = {}
  let auditPay: Array<{ operator: string; checks: number; units: number }> = []
  const faults: unknown[] = []
  const ledger = {
    fails: false,
    setUnits: async (members: readonly { member: string; units: number }[]) => {
      if (ledger.fails) throw new Error('the database was busy')
      ordered.push(members.map(({ member }) => member.slice(0, 4)).sort())
      units = Object.fromEntries(members.map(({ member, units }) => [member.slice(0, 4), units]))
      return ordered.length
    },
  }
  let looks = 0
  let tell = (): void => {}
  const withheld = new Set<string>()
  const desk: Pick<Desk, 'snapshot' | 'onChange' | 'withheld'> = {
    withheld: { isWithheld: operator => withheld.has(operator.slice(0, 4)), reasonOf: () => null },
    snapshot: () => {
      looks++
      const ready = rings.map(peers => ({
        status: 'ready',
        seats: peers.map((peer, at) => ({ peer, layers: { start: at, end: at + 1 }, msPerLayer: 1 })),
      }))
      return {
        status: ready.length === 0 ? 'waiting' : 'ready',
        rings: [...ready, ...Array(forming).fill({ status: 'forming', seats: [] })],
        auditPay,
      } as unknown as Snapshot
    },
    onChange: listener => {
      tell = () => listener()
      return () => {
        tell = () => {}
      }
    },
  }
  const stop = followRing({ desk, ledger, clock, onFault: fault => faults.push(fault) })
  const stand = async (...peers: string[][]): Promise<void> => {
    rings.splice(0, rings.length, ...peers.map(bytes => bytes.map(byte => `0x${byte.repeat(20)}.tab`)))
    tell()
    await clock.advance(1000)
  }
  const ring = (...bytes: string[]): Promise<void> => stand(...(bytes.length === 0 ? [] : [bytes]))
  const form = (count: number): void => {
    forming = count
  }
  const withhold = async (...operators: string[]): Promise<void> => {
    withheld.clear()
    for (const operator of operators) withheld.add(operator)
    tell()
    await clock.advance(1000)
  }
  const audits = async (shares: Record<string, number>): Promise<void> => {
    auditPay = Object.entries(shares).map(([byte, units]) => ({ operator: `0x${byte.repeat(20)}`, checks: 1, units }))
    tell()
    await clock.advance(1000)
  }
  const drive = { ring, stand, form, withhold, audits, stop, tell: () => tell() }
  return { clock, ledger, ordered, units: () => units, faults, looks: () => looks, ...drive }
}

it('orders the members of each ring once', async () => {
  const { ordered, ring } = open()
  await ring('a1', 'b2')
  await ring('a1', 'b2')
  await ring()
  await ring('a1', 'c3')
  expect(ordered).toEqual([
    ['0xa1', '0xb2'],
    ['0xa1', '0xc3'],
  ])
})

it('looks at the pool once a second, however many tokens flow, and misses nothing', async () => {
  const { clock, ordered, ring, tell, looks, stop } = open()
  await ring('a1')
  const before = looks()
  for (let token = 0; token < 100; token++) tell()
  const joined = ring('b2')
  expect(looks() - before).toBe(1)
  await joined
  expect([looks() - before, ordered]).toEqual([2, [['0xa1'], ['0xb2']]])
  tell()
  tell()
  stop()
  expect(clock.pending).toBe(0)
})

it('orders the members of all rings together', async () => {
  const { ordered, stand } = open()
  await stand(['a1', 'b2'], ['c3', 'a1'])
  await stand(['c3', 'a1'])
  expect(ordered).toEqual([
    ['0xa1', '0xb2', '0xc3'],
    ['0xa1', '0xc3'],
  ])
})

it('waits a little for a ring that forms beside one that serves', async () => {
  const { clock, ordered, stand, form, stop } = open()
  await stand(['a1'], ['b2', 'c3'])
  form(1)
  await stand(['a1'])
  form(0)
  await stand(['a1'], ['b2', 'd4'])
  expect(ordered).toEqual([
    ['0xa1', '0xb2', '0xc3'],
    ['0xa1', '0xb2', '0xd4'],
  ])
  form(1)
  await stand(['a1'])
  await clock.advance(5000)
  expect(ordered.at(-1)).toEqual(['0xa1'])
  form(1)
  await stand(['b2'])
  stop()
  expect(clock.pending).toBe(0)
})

it('tries again where an order failed, though nothing changes, until it is stopped', async () => {
  const { clock, ledger, ordered, faults, ring, stop } = open()
  ledger.fails = true
  await ring('a1')
  await clock.advance(10_000)
  expect([ordered, faults.length]).toEqual([[], 3])
  ledger.fails = false
  await clock.advance(5000)
  expect(ordered).toEqual([['0xa1']])
  await clock.advance(60_000)
  expect(ordered).toHaveLength(1)
  ledger.fails = true
  await ring('b2')
  stop()
  expect(clock.pending).toBe(0)
})

it('leaves a failed order where another ring is ready already', async () => {
  const { clock, ledger, ordered, ring } = open()
  ledger.fails = true
  await ring('a1')
  ledger.fails = false
  await ring('b2')
  await clock.advance(60_000)
  expect(ordered).toEqual([['0xb2']])
})

it('leaves out whose units are withheld, until they are not, and lists nobody where that is everybody', async () => {
  const { clock, ordered, stand, withhold } = open()
  await stand(['a1', 'b2'], ['c3', 'a1'])
  await withhold('0xa1')
  await clock.advance(60_000)
  await withhold('0xa1', '0xb2', '0xc3')
  await withhold()
  expect(ordered).toEqual([['0xa1', '0xb2', '0xc3'], ['0xb2', '0xc3'], [], ['0xa1', '0xb2', '0xc3']])
})

it('gives auditors their units beside those who serve, anew where these change, and never where nobody serves', async () => {
  const { ordered, units, ring, audits, withhold } = open()
  await audits({ a9: 12, b2: 8 })
  expect(ordered).toEqual([])
  await ring('a1', 'b2')
  // One that serves and checks has both.
  expect(units()).toEqual({ '0xa1': 500, '0xa9': 12, '0xb2': 508 })
  await audits({ a9: 20 })
  expect(units()).toEqual({ '0xa1': 500, '0xa9': 20, '0xb2': 500 })
  await withhold('0xa1', '0xb2')
  expect(units()).toEqual({})
})
