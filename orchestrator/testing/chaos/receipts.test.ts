/** Real peer runtimes, real desk, real unit orders: what a tab's receipts do to its units, and to nobody else's. */
import type { Receipt, ReceiptBody } from '@computepool/shared/receipts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { followRing } from '../../src/payments/follow-ring.ts'
import type { OpenDatabase } from '../../src/store/database.ts'
import { openMemoryLedger } from '../open-memory-ledger.ts'
import { openChaosMoney } from './chaos-money.ts'
import { makeChaosPack } from './chaos-pack.ts'
import { type ChaosPlan, drawChaosPlan } from './chaos-plan.ts'
import { type ChaosExtras, runChaos } from './run-chaos.ts'

const pack = makeChaosPack()
/** Minutes of a pool's life on a machine that may be busy. */
const timeoutMs = 300_000
const drawn = drawChaosPlan(2, pack.manifest.dimensions.vocab)
/** Longer than receipts are waited for. */
const roundMs = 15_000
/** Three seats, two that stand by, three conversations three times over, and nothing that breaks. */
const plan: ChaosPlan = {
  ...drawn,
  minSeats: 3,
  blows: [],
  asks: [0, 1, 2].flatMap(round => drawn.asks.slice(0, 3).map(ask => ({ ...ask, atMs: ask.atMs + round * roundMs }))),
}

/** What the tab at seat 1 gives for its receipt number `count`, from 0 on. */
type Cheat = (honest: Receipt, count: number) => ReceiptBody | null

const givesNone: Cheat = () => null
const saysOther: Cheat = honest => ({ ...honest, outHead: 'ee'.repeat(32) })

interface Seen {
  readonly wrongs: readonly string[]
  readonly failed: object
  /** Wallets of the seats, in the ring's order. */
  readonly ring: readonly string[]
  /** Members of each order, in the order of the ring's seats. */
  readonly orders: readonly (readonly number[])[]
  readonly receipts: Readonly<Record<string, number>>
  /** As the page is told, in the end. */
  readonly told: readonly (string | null)[]
}

async function play(cheat: Cheat, extras: ChaosExtras = {}): Promise<Seen> {
  let ring: string[] = []
  let cheater: number | null = null
  let count = 0
  let withheldOf = (_: string): string | null => null
  const orders: number[][] = []
  const report = await runChaos(plan, pack, {
    ...extras,
    receipt: (honest, index) => {
      if (honest.seat === 1) cheater ??= index
      return index === cheater ? cheat(honest, count++) : honest
    },
    watch: ({ desk, clock }) => {
      withheldOf = desk.withheld.reasonOf
      const setUnits = async (members: readonly { member: string }[]): Promise<number> => {
        const now = desk.snapshot().seats.map(({ peer }) => peer.slice(0, 42))
        if (ring.length === 0) ring = now
        // In the end tabs leave one by one, and those that are left make rings of their own.
        if (`${ring}` !== `${now}`) return 0
        return orders.push(members.map(({ member }) => ring.indexOf(member)).sort())
      }
      const stop = followRing({ desk, clock, ledger: { setUnits }, onFault: () => {} })
      clock.schedule(4 * roundMs, stop)
    },
  })
  const { wrongs, failed, receipts } = report
  return { wrongs, failed, ring, orders, receipts, told: ring.map(operator => withheldOf(operator)) }
}

it(
  'a tab that gives no receipts loses its units, and the others keep theirs',
  async () => {
    const { wrongs, failed, ring, orders, receipts, told } = await play(givesNone)
    expect([wrongs, failed, ring.length]).toEqual([[], {}, 3])
    expect(orders).toEqual([
      [0, 1, 2],
      [0, 2],
    ])
    expect(receipts.missing).toBeGreaterThan(0)
    expect(told).toEqual([null, expect.stringContaining('Seat 1 gave no receipt.'), null])
  },
  timeoutMs,
)

it(
  'a tab that says it sent something else takes the units of both ends of that boundary, and of nobody else',
  async () => {
    const { wrongs, failed, orders, receipts, told } = await play(saysOther)
    expect([wrongs, failed]).toEqual([[], {}])
    expect(orders).toEqual([[0, 1, 2], [0]])
    expect(receipts).toEqual({ broken: expect.any(Number) })
    const why = expect.stringContaining('What seat 1 says it sent is not what seat 2 says it received.')
    expect(told).toEqual([null, why, why])
  },
  timeoutMs,
)

it(
  'a tab that mends its ways has its units back',
  async () => {
    const { wrongs, orders, receipts, told } = await play((honest, count) => (count < 2 ? null : honest))
    expect(wrongs).toEqual([])
    expect(orders).toEqual([
      [0, 1, 2],
      [0, 2],
      [0, 1, 2],
    ])
    expect([receipts.missing, (receipts.whole ?? 0) >= 3, told]).toEqual([2, true, [null, null, null]])
  },
  timeoutMs,
)

describe('paid work', () => {
  let database: OpenDatabase
  beforeAll(async () => {
    database = await openMemoryLedger()
  }, 120_000)
  afterAll(() => database.close())

  it.each([
    ['missing', givesNone],
    ['broken', saysOther],
  ] as const)(
    'ends well and is charged once where receipts are %s',
    async (verdict, cheat) => {
      const { wrongs, receipts } = await play(cheat, { openMoney: clock => openChaosMoney(database.db, clock) })
      expect(wrongs).toEqual([])
      expect(receipts[verdict]).toBeGreaterThan(0)
    },
    timeoutMs,
  )
})
