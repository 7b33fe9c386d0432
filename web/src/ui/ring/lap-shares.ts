/**
 * Where the last laps' time went, and what holds them up: medians over the laps of one ring, so that one stalled lap names nobody.
 * Pure. The wire's time is the pool's figure: what neither an engine nor a queue explains; a link's part of it goes by its measured round trip.
 */
import type { PoolSnapshot } from '@computepool/shared/swarm'

type Lap = NonNullable<PoolSnapshot['lastLap']>
type PoolSeat = PoolSnapshot['seats'][number]

export interface SeatShare {
  readonly computeMs: number
  readonly queueMs: number
  /** Of the link to the next seat, derived. */
  readonly wireMs: number
}

/** What takes the most: a seat that computes, steps that wait at one, or a link. `share` of the whole lap. */
export interface Bottleneck {
  readonly kind: 'compute' | 'queue' | 'link'
  readonly seat: number
  readonly nextSeat: number
  readonly share: number
}

export interface LapShares {
  /** Laps that the medians are of. */
  readonly laps: number
  /** From one token to the next: the lap, and the entry's wait before it. */
  readonly wholeMs: number
  readonly computeMs: number
  readonly queueMs: number
  readonly wireMs: number
  readonly seats: ReadonlyMap<number, SeatShare>
  readonly bottleneck: Bottleneck | null
}

/** Below this the order flickers with noise, and naming one would say nothing. */
const notablySlower = 1.1

/** Null without a lap. `seats` in ring order. */
export function lapSharesOf(laps: readonly Lap[], seats: readonly PoolSeat[]): LapShares | null {
  if (laps.length === 0 || seats.length === 0) return null
  const medianOf = (pick: (lap: Lap) => number): number => median(laps.map(pick))
  const hopOf = (lap: Lap, seat: number) => lap.hops.find(hop => hop.seat === seat)
  const wholeMs = medianOf(wholeOf)
  const wireMs = medianOf(lap => lap.wireMs)
  const weights = linkWeights(seats)
  const shares = new Map(
    seats.map(({ seat }, index) => [
      seat,
      {
        computeMs: medianOf(lap => hopOf(lap, seat)?.computeMs ?? 0),
        queueMs: medianOf(lap => hopOf(lap, seat)?.queueMs ?? 0),
        wireMs: wireMs * weights[index]!,
      },
    ]),
  )
  const computeMs = medianOf(lap => lap.hops.reduce((sum, hop) => sum + hop.computeMs, 0))
  const queueMs = medianOf(lap => lap.hops.reduce((sum, hop) => sum + hop.queueMs, 0))
  const bottleneck = bottleneckOf(shares, wholeMs)
  return { laps: laps.length, wholeMs, computeMs, queueMs, wireMs, seats: shares, bottleneck }
}

/** "Seat 2 takes 61 % of the lap." Null where nothing stands out. */
export function bottleneckWords({ bottleneck }: LapShares, share: (value: number) => string): string | null {
  if (bottleneck === null) return null
  const { kind, seat, nextSeat } = bottleneck
  const part = `${share(bottleneck.share)} of the lap`
  if (kind === 'compute') return `Seat ${seat} takes ${part}.`
  if (kind === 'queue') return `Waiting at seat ${seat} takes ${part}: it is busy with other requests.`
  return `The link from seat ${seat} to seat ${nextSeat} takes ${part}.`
}

/** The entry's wait lies before its lap begins. */
const entryWaitOf = (lap: Lap): number => lap.hops[0]?.queueMs ?? 0
const wholeOf = (lap: Lap): number => lap.lapMs + entryWaitOf(lap)

function linkWeights(seats: readonly PoolSeat[]): number[] {
  const known = seats.flatMap(({ linkRttMs }) => linkRttMs ?? [])
  const mean = known.reduce((sum, ms) => sum + ms, 0) / known.length
  if (!(mean > 0)) return seats.map(() => 1 / seats.length)
  const weights = seats.map(({ linkRttMs }) => linkRttMs ?? mean)
  const whole = weights.reduce((sum, ms) => sum + ms, 0)
  return weights.map(ms => ms / whole)
}

function bottleneckOf(shares: ReadonlyMap<number, SeatShare>, wholeMs: number): Bottleneck | null {
  // Alone, a seat is the lap.
  if (shares.size < 2 || wholeMs <= 0) return null
  const seats = [...shares.keys()]
  const parts = seats.flatMap((seat, index) => {
    const { computeMs, queueMs, wireMs } = shares.get(seat)!
    const at = { seat, nextSeat: seats[(index + 1) % seats.length]! }
    return [
      { ...at, kind: 'compute' as const, ms: computeMs },
      { ...at, kind: 'queue' as const, ms: queueMs },
      { ...at, kind: 'link' as const, ms: wireMs },
    ]
  })
  const [first, second] = parts.sort((a, b) => b.ms - a.ms)
  if (first === undefined || second === undefined || first.ms <= second.ms * notablySlower) return null
  const { kind, seat, nextSeat, ms } = first
  return { kind, seat, nextSeat, share: Math.min(1, ms / wholeMs) }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
