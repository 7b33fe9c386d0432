/**
 * What the ring draws, from what the pool tells: seats in layer order, the gaps nobody holds, each with its measured share of the
 * lap. Pure; angles are `ring-geometry`'s.
 */
import type { LinkKind } from '@computepool/shared/ports'
import type { PoolSnapshot } from '@computepool/shared/swarm'
import { linkOrder } from '../format/link-words.ts'

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
  /** Of the last step. */
  readonly computeMs: number | null
  /** Of the last lap, 0..1: the measured fill. Null before the first lap. */
  readonly busyShare: number | null
  readonly linkKind: LinkKind | null
  readonly linkRttMs: number | null
  /** Of large frames. */
  readonly linkBytesPerSecond: number | null
  readonly isBottleneck: boolean
}

export interface RingModel {
  readonly model: string | null
  readonly layers: number
  readonly status: PoolSnapshot['status'] | 'unknown'
  readonly arcs: readonly RingArc[]
  /** Of the links between its seats, each once. */
  readonly kinds: readonly LinkKind[]
  readonly relays: PoolSnapshot['relays']
  readonly lapMs: number | null
  /** Time of the lap on the wire: all hops together. */
  readonly wireMs: number | null
  readonly laps: number
  /** Joined, without layers so far. */
  readonly waitingPeers: number
  readonly tokensPerSecond: number | null
}

type PoolSeat = PoolSnapshot['seats'][number]

export const emptyRing: RingModel = {
  model: null,
  layers: 1,
  status: 'unknown',
  arcs: [emptyArc(0, 1)],
  kinds: [],
  relays: [],
  lapMs: null,
  wireMs: null,
  laps: 0,
  waitingPeers: 0,
  tokensPerSecond: null,
}

export function ringModelOf(told: PoolSnapshot | null): RingModel {
  if (told === null) return emptyRing
  // The last lap was another ring's as soon as this one is not whole.
  const pool = told.status === 'ready' ? told : { ...told, lastLap: null, tokensPerSecond: null }
  const seats = [...pool.seats].sort((a, b) => a.layers.start - b.layers.start || a.seat - b.seat)
  const computeOf = (seat: PoolSeat) => lapHop(pool, seat)?.computeMs ?? seat.computeMs
  const bottleneck = findBottleneck(seats, computeOf)
  const arcs: RingArc[] = []
  let next = 0
  for (const seat of seats) {
    if (seat.layers.start > next) arcs.push(emptyArc(next, seat.layers.start))
    arcs.push(seatArc(pool, seat, computeOf(seat), seat === bottleneck))
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
    lapMs: pool.lastLap?.lapMs ?? null,
    wireMs: pool.lastLap?.wireMs ?? null,
    laps: pool.laps,
    waitingPeers: pool.waitingPeers,
    tokensPerSecond: pool.tokensPerSecond,
  }
}

function seatArc(pool: PoolSnapshot, seat: PoolSeat, computeMs: number | null, isBottleneck: boolean): RingArc {
  const hop = lapHop(pool, seat)
  const lapMs = pool.lastLap?.lapMs ?? 0
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
    computeMs,
    busyShare: hop === undefined || lapMs <= 0 ? null : Math.min(1, hop.computeMs / lapMs),
    linkKind: seat.linkKind,
    linkRttMs: seat.linkRttMs,
    linkBytesPerSecond: seat.linkBytesPerSecond,
    isBottleneck,
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
    busyShare: null,
    linkKind: null,
    linkRttMs: null,
    linkBytesPerSecond: null,
    isBottleneck: false,
  }
}

/** The seat that takes longest; one seat alone, or equal seats, have none. */
function findBottleneck(seats: readonly PoolSeat[], computeOf: (seat: PoolSeat) => number | null): PoolSeat | null {
  const timed = seats.flatMap(seat => {
    const ms = seat.status === 'ready' ? computeOf(seat) : null
    return ms === null ? [] : [{ seat, ms }]
  })
  if (timed.length < 2) return null
  const [first, second] = timed.sort((a, b) => b.ms - a.ms)
  return first !== undefined && second !== undefined && first.ms > second.ms * notablySlower ? first.seat : null
}

/** Below this the order flickers with noise, and marking a seat would say nothing. */
const notablySlower = 1.1

function lapHop(pool: PoolSnapshot, seat: PoolSeat) {
  return pool.lastLap?.hops.find(hop => hop.seat === seat.seat)
}

const statusNames: Readonly<Record<PoolSeat['status'], string>> = {
  assigned: 'assigned',
  downloading: 'downloading',
  loading: 'loading',
  testing: 'self-test',
  ready: 'ready',
  draining: 'leaving',
  lost: 'lost',
}
