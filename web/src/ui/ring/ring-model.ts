/**
 * What the ring draws, from what the pool tells: seats in layer order, the gaps nobody holds, each with its measured share of the
 * lap. Pure; angles are `ring-geometry`'s.
 */
import type { LinkKind } from '@computepool/shared/ports'
import type { PoolSnapshot } from '@computepool/shared/swarm'
import { linkOrder } from '../format/link-words.ts'
import { type LapShares, lapSharesOf } from './lap-shares.ts'

export type ArcState = 'empty' | 'joining' | 'ready' | 'lost'

export interface RingArc {
  readonly key: string
  readonly seat: number | null
  readonly state: ArcState
  readonly layers: { readonly start: number; readonly end: number }
  readonly peer: string | null
  readonly engine: string | null
  readonly device: string | null
  /** 0..1 while a seat downloads; else null. */
  readonly progress: number | null
  /** What the seat does, in a word. */
  readonly statusName: string
  /** Median of the last laps; before the first, of the last step. */
  readonly computeMs: number | null
  /** Median time that steps waited here. */
  readonly queueMs: number | null
  /** Computing here, of the last laps, 0..1: the measured fill. Null before the first lap. */
  readonly busyShare: number | null
  /** The link to the next seat, of the last laps, 0..1; derived. */
  readonly linkShare: number | null
  readonly linkKind: LinkKind | null
  readonly linkRttMs: number | null
  /** Of large frames. */
  readonly linkBytesPerSecond: number | null
  /** What the pool thinks of its operator, and whether that has staked; undefined where the pool tells nothing. */
  readonly trust: Pick<PoolSeat, 'standing' | 'isStaked' | 'isJudged'>
  /** It takes more of the lap than any other seat or link: by computing, or because steps wait here. */
  readonly isBottleneck: boolean
  /** Its link to the next seat takes more of the lap than anything else. */
  readonly isSlowLink: boolean
}

export interface RingModel {
  readonly model: string | null
  readonly layers: number
  readonly status: PoolSnapshot['status'] | 'unknown'
  readonly arcs: readonly RingArc[]
  /** Of the links between its seats, each once. */
  readonly kinds: readonly LinkKind[]
  readonly relays: PoolSnapshot['relays']
  /** Where the last laps' time went; null before the first. */
  readonly lap: LapShares | null
  /** Median of the last laps. */
  readonly lapMs: number | null
  /** Time of the lap on the wire: all hops together. */
  readonly wireMs: number | null
  readonly laps: number
  /** Joined, without layers so far. */
  readonly waitingPeers: number
  readonly tokensPerSecond: number | null
}

type PoolSeat = PoolSnapshot['seats'][number]
type Lap = NonNullable<PoolSnapshot['lastLap']>

export const emptyRing: RingModel = {
  model: null,
  layers: 1,
  status: 'unknown',
  arcs: [emptyArc(0, 1)],
  kinds: [],
  relays: [],
  lap: null,
  lapMs: null,
  wireMs: null,
  laps: 0,
  waitingPeers: 0,
  tokensPerSecond: null,
}

/** `recent`: the ring's last laps, newest last; without them the one that the pool tells of. */
export function ringModelOf(told: PoolSnapshot | null, recent: readonly Lap[] = []): RingModel {
  if (told === null) return emptyRing
  // The last lap was another ring's as soon as this one is not whole.
  const pool = told.status === 'ready' ? told : { ...told, lastLap: null, tokensPerSecond: null }
  const seats = [...pool.seats].sort((a, b) => a.layers.start - b.layers.start || a.seat - b.seat)
  const laps = pool.lastLap === null ? [] : recent.length > 0 ? recent : [pool.lastLap]
  const lap = lapSharesOf(laps, seats)
  const slowest = lap === null ? slowestSeat(seats) : null
  const arcs: RingArc[] = []
  let next = 0
  for (const seat of seats) {
    if (seat.layers.start > next) arcs.push(emptyArc(next, seat.layers.start))
    arcs.push(seatArc(seat, lap, seat === slowest))
    next = Math.max(next, seat.layers.end)
  }
  if (next < pool.layers) arcs.push(emptyArc(next, pool.layers))
  return {
    model: pool.model,
    layers: pool.layers,
    status: pool.status,
    arcs,
    kinds: linkOrder.filter(kind => arcs.some(arc => arc.linkKind === kind)),
    relays: pool.relays,
    lap,
    lapMs: lap?.wholeMs ?? null,
    wireMs: lap?.wireMs ?? null,
    laps: pool.laps,
    waitingPeers: pool.waitingPeers,
    tokensPerSecond: pool.tokensPerSecond,
  }
}

function seatArc(seat: PoolSeat, lap: LapShares | null, isSlowest: boolean): RingArc {
  const part = lap?.seats.get(seat.seat) ?? null
  const shareOf = (ms: number): number | null =>
    lap === null || lap.wholeMs <= 0 ? null : Math.min(1, ms / lap.wholeMs)
  const heldUp = lap?.bottleneck?.seat === seat.seat ? lap.bottleneck.kind : null
  return {
    key: `seat-${seat.seat}`,
    seat: seat.seat,
    state:
      seat.status === 'ready' || seat.status === 'draining' ? 'ready' : seat.status === 'lost' ? 'lost' : 'joining',
    layers: seat.layers,
    peer: seat.peer,
    engine: seat.engine,
    device: seat.device,
    progress: seat.progress,
    statusName: statusNames[seat.status],
    computeMs: part?.computeMs ?? seat.computeMs,
    queueMs: part?.queueMs ?? null,
    busyShare: part === null ? null : shareOf(part.computeMs),
    linkShare: part === null ? null : shareOf(part.wireMs),
    linkKind: seat.linkKind,
    linkRttMs: seat.linkRttMs,
    linkBytesPerSecond: seat.linkBytesPerSecond,
    trust: { standing: seat.standing, isStaked: seat.isStaked, isJudged: seat.isJudged },
    isBottleneck: isSlowest || heldUp === 'compute' || heldUp === 'queue',
    isSlowLink: heldUp === 'link',
  }
}

function emptyArc(start: number, end: number): RingArc {
  return {
    key: `empty-${start}`,
    seat: null,
    state: 'empty',
    layers: { start, end },
    peer: null,
    engine: null,
    device: null,
    progress: null,
    statusName: 'nobody',
    computeMs: null,
    queueMs: null,
    busyShare: null,
    linkShare: null,
    linkKind: null,
    linkRttMs: null,
    linkBytesPerSecond: null,
    trust: { standing: undefined, isStaked: undefined, isJudged: undefined },
    isBottleneck: false,
    isSlowLink: false,
  }
}

/** Before the first lap, by their own last steps: the seat that takes longest; one seat alone, or equal seats, have none. */
function slowestSeat(seats: readonly PoolSeat[]): PoolSeat | null {
  const timed = seats.flatMap(seat =>
    seat.status !== 'ready' || seat.computeMs === null ? [] : [{ seat, ms: seat.computeMs }],
  )
  const [first, second] = timed.sort((a, b) => b.ms - a.ms)
  return first !== undefined && second !== undefined && first.ms > second.ms * notablySlower ? first.seat : null
}

/** Below this the order flickers with noise, and marking a seat would say nothing. */
const notablySlower = 1.1

const statusNames: Readonly<Record<PoolSeat['status'], string>> = {
  assigned: 'assigned',
  downloading: 'downloading',
  loading: 'loading',
  testing: 'self-test',
  ready: 'ready',
  draining: 'leaving',
  lost: 'lost',
}
