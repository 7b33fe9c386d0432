import { expect, test } from 'vitest'
import { formatShare } from '../format/format-number.ts'
import { readyPool, sampleSeat } from '../testing/sample-pool.ts'
import { bottleneckWords, type LapShares, lapSharesOf } from './lap-shares.ts'
import { noLaps, rememberLap } from './recent-laps.ts'

type Lap = NonNullable<ReturnType<typeof readyPool>['lastLap']>

const seats = [sampleSeat(0, [0, 3], { linkRttMs: 6 }), sampleSeat(1, [3, 6], { linkRttMs: 2 })]
const lap = (compute: [number, number], queue: [number, number], lapMs: number): Lap => ({
  requestId: 'r',
  lapMs,
  hops: [0, 1].map(seat => ({ seat, computeMs: compute[seat]!, queueMs: queue[seat]! })),
  // The entry's wait comes before its lap.
  wireMs: lapMs - compute[0] - compute[1] - queue[1],
})
const words = (shares: LapShares | null): string | null => {
  const text = shares === null ? null : bottleneckWords(shares, formatShare)
  return text?.replaceAll('\u202f', ' ') ?? null
}

test('a lap is computing, waiting and wire, and the entry’s wait comes before it', () => {
  const shares = lapSharesOf([lap([3, 4], [2, 1], 12)], seats)!
  expect(shares).toMatchObject({ wholeMs: 14, computeMs: 7, queueMs: 3, wireMs: 4 })
})

test('the wire is dealt out by round trips', () => {
  const { seats: parts } = lapSharesOf([lap([3, 4], [0, 0], 15)], seats)!
  expect([parts.get(0)?.wireMs, parts.get(1)?.wireMs]).toEqual([6, 2])
})

test.each([
  ['a slow seat', lap([3, 14], [0, 0], 20), 'Seat 1 takes 70 % of the lap.'],
  ['a far link', lap([3, 3], [0, 0], 26), 'The link from seat 0 to seat 1 takes 58 % of the lap.'],
  ['a busy seat', lap([3, 3], [0, 12], 20), 'Waiting at seat 1 takes 60 % of the lap: it is busy with other requests.'],
])('names %s in words', (_, told, expected) => {
  expect(words(lapSharesOf([told], seats))).toBe(expected)
})

test('near-equal parts name nobody, and neither does a seat alone', () => {
  expect(words(lapSharesOf([lap([8, 8.2], [0, 0], 17)], seats))).toBeNull()
  const alone = { ...lap([8, 0], [0, 0], 9), hops: [{ seat: 0, computeMs: 8, queueMs: 0 }] }
  expect(words(lapSharesOf([alone], [sampleSeat(0, [0, 6])]))).toBeNull()
})

test('one stalled lap among many changes no figure', () => {
  const usual = Array.from({ length: 6 }, () => lap([3, 14], [0, 0], 20))
  const stalled = lap([900, 14], [0, 0], 930)
  expect(lapSharesOf([...usual, stalled], seats)).toMatchObject({
    laps: 7,
    wholeMs: 20,
    bottleneck: { kind: 'compute', seat: 1 },
  })
})

test('laps are gathered while the ring is the same, each once, the newest fifteen', () => {
  let recent = noLaps
  for (let count = 1; count <= 20; count++) {
    const pool = readyPool({ seats, lastLap: lap([count, 1], [0, 0], 30), laps: count })
    recent = rememberLap(recent, pool)
    // Somebody joined: the same lap is told again.
    const again = rememberLap(recent, { ...pool, waitingPeers: 1 })
    expect(again).toBe(recent)
  }
  expect(recent.laps.map(({ hops }) => hops[0]!.computeMs)).toEqual(Array.from({ length: 15 }, (_, i) => i + 6))
})

test('another ring begins anew, and so does one that fell apart', () => {
  const first = rememberLap(noLaps, readyPool({ seats, lastLap: lap([1, 1], [0, 0], 30) }))
  const other = rememberLap(first, readyPool({ seats: [sampleSeat(0, [0, 6])], lastLap: lap([2, 2], [0, 0], 30) }))
  expect(other.laps.map(({ hops }) => hops[0]!.computeMs)).toEqual([2])
  expect(rememberLap(first, readyPool({ seats, status: 'forming' }))).toBe(noLaps)
})
