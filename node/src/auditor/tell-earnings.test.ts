import { createManualClock } from '@computepool/shared/testing'
import { expect, it } from 'vitest'
import { tellEarnings } from './tell-earnings.ts'

const [one, two] = [`0x${'a1'.repeat(20)}`, `0x${'b2'.repeat(20)}`]

function open() {
  const clock = createManualClock()
  const paid = new Map([[one, { receivedWei: '0', units: 0 }]])
  const pool = { status: 200 }
  const told: string[] = []
  const faults: string[] = []
  const stop = tellEarnings({
    ...{ origin: 'http://pool.test', addresses: [one, two], clock },
    fetch: async input => {
      const address = String(input).split('/').at(-2)!
      const own = paid.get(address) ?? { receivedWei: '0', units: 0 }
      const rest = { pool: two, isConnected: false, perSecondWei: '0', days: [], requests: [] }
      return Response.json({ operator: address, totalUnits: 1020, ...rest, ...own }, { status: pool.status })
    },
    onEarned: (_, words) => told.push(words),
    onFault: ({ message }) => faults.push(message),
  })
  return { clock, paid, pool, told, faults, stop }
}

it('tells what each wallet has earned when it has changed, and nothing of who earned nothing', async () => {
  const { clock, paid, told, faults, stop } = open()
  await clock.advance(60_000)
  expect(told).toEqual([])
  paid.set(one, { receivedWei: '12345678000000000000', units: 20 })
  await clock.advance(180_000)
  paid.set(one, { receivedWei: '12345678999999999999', units: 0 })
  await clock.advance(60_000)
  expect(told).toEqual([
    `${one} has earned 12.345678 USDC by checks; 20 of the pool’s 1020 units now.`,
    `${one} has earned 12.345678 USDC by checks; no units now.`,
  ])
  expect(faults).toEqual([])
  stop()
  expect(clock.pending).toBe(0)
})

it('says nothing in a pool where work is free, and asks again one that is away', async () => {
  const { clock, paid, pool, told, faults, stop } = open()
  paid.set(one, { receivedWei: '1000000000000', units: 1 })
  pool.status = 404
  await clock.advance(60_000)
  expect([told, faults]).toEqual([[], []])
  pool.status = 503
  await clock.advance(60_000)
  expect(faults).toHaveLength(1)
  pool.status = 200
  await clock.advance(60_000)
  expect(told).toEqual([`${one} has earned 0.000001 USDC by checks; 1 of the pool’s 1020 units now.`])
  stop()
})
