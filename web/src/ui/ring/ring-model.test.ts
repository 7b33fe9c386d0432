import { expect, test } from 'vitest'
import { readyPool, samplePool, sampleSeat } from '../testing/sample-pool.ts'
import { emptyRing, ringModelOf } from './ring-model.ts'

test('layers that nobody holds are arcs of their own, wherever they lie', () => {
  const pool = samplePool({ seats: [sampleSeat(1, [4, 5]), sampleSeat(0, [1, 3])] })
  const arcs = ringModelOf(pool).arcs.map(({ state, layers }) => [state, layers.start, layers.end])
  expect(arcs).toEqual([
    ['empty', 0, 1],
    ['ready', 1, 3],
    ['empty', 3, 4],
    ['ready', 4, 5],
    ['empty', 5, 6],
  ])
})

test('the fill is the seat’s share of the measured lap', () => {
  expect(ringModelOf(readyPool()).arcs.map(arc => arc.busyShare)).toEqual([0.2, 0.5, 0.2])
})

test('before the first lap nothing is filled', () => {
  expect(ringModelOf(readyPool({ lastLap: null })).arcs.map(arc => arc.busyShare)).toEqual([null, null, null])
})

test('the slowest seat is marked', () => {
  expect(ringModelOf(readyPool()).arcs.map(arc => arc.isBottleneck)).toEqual([false, true, false])
})

test('near-equal seats have no slowest: the mark would flicker', () => {
  const hops = [4, 4.2, 4.1].map((computeMs, seat) => ({ seat, computeMs, queueMs: 0 }))
  const pool = readyPool({ lastLap: { requestId: 'r', lapMs: 14, hops, wireMs: 1 } })
  expect(ringModelOf(pool).arcs.some(arc => arc.isBottleneck)).toBe(false)
})

test('a seat that downloads is joining, a lost one is lost', () => {
  const seats = [
    sampleSeat(0, [0, 3], { status: 'downloading', progress: 0.4 }),
    sampleSeat(1, [3, 6], { status: 'lost' }),
  ]
  const { arcs } = ringModelOf(samplePool({ seats }))
  expect(arcs.map(arc => [arc.state, arc.progress])).toEqual([
    ['joining', 0.4],
    ['lost', null],
  ])
})

test('a ring that fell apart does not show the lap it made when it was whole', () => {
  const { arcs, lapMs, wireMs } = ringModelOf(readyPool({ status: 'forming' }))
  expect([lapMs, wireMs, arcs.map(arc => arc.busyShare)]).toEqual([null, null, [null, null, null]])
})

test('without a pool the ring is empty, not broken', () => {
  expect(ringModelOf(null)).toBe(emptyRing)
})
