import { expect, test } from 'vitest'
import { createLapLog } from './lap-log.ts'

const hops = [
  { seat: 0, computeMs: 3, queueMs: 0 },
  { seat: 1, computeMs: 4, queueMs: 1 },
]

test('gives back what it was told, in order, also beyond its first room', () => {
  const log = createLapLog(1000)
  const told = Array.from({ length: 200 }, (_, index) => ({ atMs: index * 20, lapMs: 10 + index, tokens: 1, hops }))
  for (const { atMs, lapMs } of told) log.add(atMs, lapMs, hops)
  expect(log.laps()).toEqual(told)
})

test('tokens that one lap brought together are one lap; the next lap of equal figures is another', () => {
  const log = createLapLog(10)
  log.add(100, 10, hops)
  log.add(100.2, 10, hops)
  log.add(112, 10, hops)
  expect(log.laps().map(({ atMs, tokens }) => [atMs, tokens])).toEqual([
    [100, 2],
    [112, 1],
  ])
})

test('beyond its bound laps are counted, not kept', () => {
  const log = createLapLog(2)
  for (const atMs of [10, 30, 50, 70]) log.add(atMs, 10, hops)
  expect(log.laps().map(({ atMs }) => atMs)).toEqual([10, 30])
  expect(log.leftOut()).toBe(2)
})
