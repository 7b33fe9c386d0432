/**
 * Who holds which layers: the fewest seats that fit the memory, and among those the shortest lap (layers x measured time + hops).
 * Exact for up to eight candidates, after a greedy pre-selection beyond. It knows no states, no epochs and no messages.
 */
import { type LayerRange, layerCount } from '../model/index.ts'
import {
  bottleneckMicros,
  computeMicros,
  fillEvenly,
  fillFastest,
  orderedChoices,
  rangesOf,
} from './placement-search.ts'
import { explainShortage } from './placement-words.ts'

/** Sizes in bytes; `layerBytes` is the largest layer's, `kvBytesPerLayer` one request's cache at full context. */
export interface PlacementModel {
  readonly layers: number
  readonly layerBytes: number
  readonly embeddingBytes: number
  readonly headBytes: number
  readonly kvBytesPerLayer: number
}

/** What a peer measured and offers. */
export interface PlacementPeer {
  readonly peer: string
  readonly memoryBudgetBytes: number
  readonly msPerLayer: number
  readonly headMs: number
}

export interface PlacementInput {
  readonly model: PlacementModel
  readonly peers: readonly PlacementPeer[]
  /** Round trip between two peers in ms, the caller's guess where it was not measured. Symmetric. */
  readonly rttMs: (a: string, b: string) => number
  /** A model with fewer layers than this gets one seat a layer. */
  readonly minSeats: number
  readonly maxSeats: number
  /** What a hop costs besides half a round trip: frames, wake-ups. */
  readonly hopMs: number
  /**
   * Share of the shortest lap that may be given up for an even split (0.1: ten per cent). Measured times carry noise, and of two
   * equal tabs one would otherwise get all layers but one. 0 asks for the shortest lap alone.
   */
  readonly lapTolerance?: number
}

export interface PlacedSeat {
  readonly peer: string
  readonly layers: LayerRange
}
export type Placement =
  | { readonly kind: 'placed'; readonly seats: readonly PlacedSeat[]; readonly lapMs: number }
  | { readonly kind: 'impossible'; readonly explanation: string }

const exactCandidates = 8
const micros = (ms: number): number => Math.max(1, Math.round(ms * 1000))

/** Most layers that `peer` can hold beside what its place in the ring brings along. */
export function capacityOf(model: PlacementModel, peer: PlacementPeer, isEntry: boolean, isExit: boolean): number {
  const extra = (isEntry ? model.embeddingBytes : 0) + (isExit ? model.headBytes : 0)
  return Math.max(0, Math.floor((peer.memoryBudgetBytes - extra) / (model.layerBytes + model.kvBytesPerLayer)))
}

const ringSeats = (model: PlacementModel, ring: readonly PlacementPeer[]) =>
  ring.map((peer, index) => ({
    capacity: capacityOf(model, peer, index === 0, index === ring.length - 1),
    layerMicros: micros(peer.msPerLayer),
  }))

/** What a lap spends outside the layers: each hop, the way back to the entry included, and the draw at the exit. */
function fixedMicros(input: PlacementInput, ring: readonly PlacementPeer[]): number {
  let sum = micros(ring[ring.length - 1]!.headMs)
  if (ring.length === 1) return sum
  for (let index = 0; index < ring.length; index++) {
    const next = ring[(index + 1) % ring.length]!
    sum += micros(input.hopMs) + Math.round((input.rttMs(ring[index]!.peer, next.peer) * 1000) / 2)
  }
  return sum
}

/** Time of one lap in ms under the planner's model. */
export function lapMs(input: PlacementInput, seats: readonly PlacedSeat[]): number {
  const byId = new Map(input.peers.map(peer => [peer.peer, peer]))
  const ring = seats.map(seat => byId.get(seat.peer)!)
  const compute = computeMicros(
    ringSeats(input.model, ring),
    seats.map(seat => layerCount(seat.layers)),
  )
  return (compute + fixedMicros(input, ring)) / 1000
}

interface Choice {
  readonly ring: readonly PlacementPeer[]
  readonly counts: readonly number[]
  readonly lap: number
}

function bestRing(input: PlacementInput, candidates: readonly PlacementPeer[], size: number): Choice | null {
  const { model } = input
  let shortest = Number.POSITIVE_INFINITY
  const feasible: Choice[] = []
  for (const choice of orderedChoices(candidates, size)) {
    const counts = fillFastest(ringSeats(model, choice), model.layers)
    if (counts === null) continue
    const ring = [...choice]
    const lap = computeMicros(ringSeats(model, ring), counts) + fixedMicros(input, ring)
    shortest = Math.min(shortest, lap)
    feasible.push({ ring, counts, lap })
  }
  const limit = Math.floor(shortest * (1 + (input.lapTolerance ?? 0)))
  let best: (Choice & { bottleneck: number }) | null = null
  for (const { ring, lap } of feasible) {
    if (lap > limit) continue
    const seats = ringSeats(model, ring)
    const fixed = fixedMicros(input, ring)
    const counts = fillEvenly(seats, model.layers, limit - fixed)!
    const bottleneck = bottleneckMicros(seats, counts)
    const candidate = { ring, counts, lap: computeMicros(seats, counts) + fixed, bottleneck }
    const isBetter =
      best === null || bottleneck < best.bottleneck || (bottleneck === best.bottleneck && candidate.lap < best.lap)
    if (isBetter) best = candidate
  }
  return best
}

/** Beyond eight: those that make the fewest seats possible, then the fastest. */
function preselect(input: PlacementInput, size: number): PlacementPeer[] {
  const capacity = (peer: PlacementPeer): number => capacityOf(input.model, peer, false, false)
  const byCapacity = [...input.peers].sort((a, b) => capacity(b) - capacity(a) || compare(a.peer, b.peer))
  const chosen = byCapacity.slice(0, size)
  const rest = byCapacity.slice(size).sort((a, b) => a.msPerLayer - b.msPerLayer || compare(a.peer, b.peer))
  return [...chosen, ...rest].slice(0, Math.max(size, exactCandidates))
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** More seats than can be searched: the roomiest peers, each followed by its nearest neighbour. */
function greedyRing(input: PlacementInput, candidates: readonly PlacementPeer[], size: number): Choice | null {
  const left = candidates.slice(0, size)
  const ring = left.splice(0, 1)
  while (left.length > 0) {
    const from = ring[ring.length - 1]!.peer
    left.sort((a, b) => input.rttMs(from, a.peer) - input.rttMs(from, b.peer) || compare(a.peer, b.peer))
    ring.push(left.shift()!)
  }
  const seats = ringSeats(input.model, ring)
  const counts = fillFastest(seats, input.model.layers)
  if (counts === null) return null
  return { ring, counts, lap: computeMicros(seats, counts) + fixedMicros(input, ring) }
}

/** Places the model on the peers, or says in words why it cannot be done. The same input always gives the same answer. */
export function planPlacement(input: PlacementInput): Placement {
  const { model } = input
  const fewest = Math.max(1, Math.min(input.minSeats, model.layers))
  const most = Math.min(input.maxSeats, model.layers, input.peers.length)
  const sorted = { ...input, peers: [...input.peers].sort((a, b) => compare(a.peer, b.peer)) }
  for (let size = fewest; size <= most; size++) {
    const candidates = sorted.peers.length > exactCandidates ? preselect(sorted, size) : sorted.peers
    const choice = size > exactCandidates ? greedyRing(sorted, candidates, size) : bestRing(sorted, candidates, size)
    if (choice === null) continue
    const ranges = rangesOf(choice.counts)
    const seats = choice.ring.map((peer, index) => ({ peer: peer.peer, layers: ranges[index]! }))
    return { kind: 'placed', seats, lapMs: choice.lap / 1000 }
  }
  return { kind: 'impossible', explanation: explainShortage(input, fewest) }
}
