/**
 * Who holds which layers: the fewest seats that fit the memory, and among those the shortest lap (layers x measured time + hops).
 * Exact for up to eight candidates, after a greedy pre-selection beyond, and greedy where that is still too much to look at. It knows no
 * states, no epochs and no messages.
 */
import { type LayerRange, layerCount } from '../model/index.ts'
import {
  bottleneckMicros,
  computeMicros,
  fillEvenly,
  fillFastest,
  orderedChoices,
  rangesOf,
  stepsOf,
} from './placement-search.ts'
import { exactCandidates, preselect, ringFactor, roomiest } from './placement-standing.ts'
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
  /** By how much its standing is less than the best one's here: a ring with it counts as that much longer, in the mean. Default 1: it is not. */
  readonly penalty?: number
  /** Seats that see text prefer it. */
  readonly mayHoldText?: boolean
}

export interface PlacementInput {
  readonly model: PlacementModel
  readonly peers: readonly PlacementPeer[]
  /** One frame's time from one peer to another in ms, the caller's guess where it was not measured. Symmetric; infinite: no way. */
  readonly linkMs: (a: string, b: string) => number
  /** A model with fewer layers than this gets one seat a layer. */
  readonly minSeats: number
  readonly maxSeats: number
  /** What a hop costs besides its link: frames, wake-ups. */
  readonly hopMs: number
  /**
   * Share of the shortest lap that may be given up for an even split (0.1: ten per cent). Measured times carry noise, and of two
   * equal tabs one would otherwise get all layers but one. 0 asks for the shortest lap alone.
   */
  readonly lapTolerance?: number
  /** Whether two are rather not made neighbours. Default: nobody. */
  readonly areAtOdds?: (a: string, b: string) => boolean
  /** Steps of the search for one number of seats; what takes more is only tried greedily. Default: enough for eight candidates. */
  readonly mostSteps?: number
}

export interface PlacedSeat {
  readonly peer: string
  readonly layers: LayerRange
}
export type Placement =
  /** `costMs`: what it is chosen by, the lap times what its peers' standing makes of it. */
  | { readonly kind: 'placed'; readonly seats: readonly PlacedSeat[]; readonly lapMs: number; readonly costMs: number }
  /** `links`: the peers would suffice, if they could reach each other. */
  | { readonly kind: 'impossible'; readonly reason: 'capacity' | 'links'; readonly explanation: string }

/** Steps of the search for one number of seats, all neighbourhoods together: as many as eight candidates for eight seats take. */
const mostSteps = 109_600
/** Sizes beyond the fewest that are tried where those of good standing need more seats than others. */
const mostSizes = 2
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
    sum += micros(input.hopMs) + Math.round(input.linkMs(ring[index]!.peer, next.peer) * 1000)
  }
  return sum
}

/** What those in these seats offer. */
export function offersOf({ peers }: PlacementInput, seats: readonly PlacedSeat[]): PlacementPeer[] {
  const byId = new Map(peers.map(peer => [peer.peer, peer]))
  return seats.map(seat => byId.get(seat.peer)!)
}

/** Time of one lap in ms under the planner's model. */
export function lapMs(input: PlacementInput, seats: readonly PlacedSeat[]): number {
  const ring = offersOf(input, seats)
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
  /** The lap times `factor`: what choices are compared by. */
  readonly cost: number
  readonly factor: number
}

function bestRing(input: PlacementInput, candidates: readonly PlacementPeer[], size: number): Choice | null {
  const { model } = input
  let shortest = Number.POSITIVE_INFINITY
  const feasible: Choice[] = []
  const isLinked = (a: PlacementPeer, b: PlacementPeer): boolean => Number.isFinite(input.linkMs(a.peer, b.peer))
  for (const choice of orderedChoices(candidates, size, isLinked)) {
    const counts = fillFastest(ringSeats(model, choice), model.layers)
    if (counts === null) continue
    const ring = [...choice]
    const lap = computeMicros(ringSeats(model, ring), counts) + fixedMicros(input, ring)
    if (!Number.isFinite(lap)) continue
    const factor = ringFactor(input, ring)
    const cost = lap * factor
    shortest = Math.min(shortest, cost)
    feasible.push({ ring, counts, lap, cost, factor })
  }
  const limit = Math.floor(shortest * (1 + (input.lapTolerance ?? 0)))
  let best: (Choice & { bottleneck: number }) | null = null
  for (const { ring, cost, factor } of feasible) {
    if (cost > limit) continue
    const seats = ringSeats(model, ring)
    const fixed = fixedMicros(input, ring)
    const counts = fillEvenly(seats, model.layers, Math.floor(limit / factor) - fixed, best?.bottleneck)
    if (counts === null) continue
    const bottleneck = bottleneckMicros(seats, counts)
    const lap = computeMicros(seats, counts) + fixed
    const candidate = { ring, counts, lap, cost: lap * factor, factor, bottleneck }
    const isBetter =
      best === null || bottleneck < best.bottleneck || (bottleneck === best.bottleneck && candidate.cost < best.cost)
    if (isBetter) best = candidate
  }
  return best
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/**
 * Peers to choose a ring from: everybody, and where some cannot reach others, also each neighbourhood by itself, so that a
 * pre-selection does not take only such as have no way to each other.
 */
function neighbourhoods({ peers, linkMs }: PlacementInput): PlacementPeer[][] {
  const groups = new Map<string, PlacementPeer[]>([[peers.map(({ peer }) => peer).join(' '), [...peers]]])
  for (const { peer: centre } of peers) {
    const near = peers.filter(({ peer }) => peer === centre || Number.isFinite(linkMs(centre, peer)))
    groups.set(near.map(({ peer }) => peer).join(' '), near)
  }
  return [...groups.values()]
}

/** More seats than can be searched: from each of the roomiest peers on, each followed by its nearest neighbour; the shortest lap. */
function greedyRing(input: PlacementInput, candidates: readonly PlacementPeer[], size: number): Choice | null {
  let best: Choice | null = null
  for (let start = 0; start < Math.min(size, candidates.length); start++) {
    const left = candidates.slice(0, size)
    const ring = left.splice(start, 1)
    while (left.length > 0) {
      const from = ring[ring.length - 1]!.peer
      left.sort(
        (a, b) => compareNumbers(input.linkMs(from, a.peer), input.linkMs(from, b.peer)) || compare(a.peer, b.peer),
      )
      ring.push(left.shift()!)
    }
    const seats = ringSeats(input.model, ring)
    const counts = fillFastest(seats, input.model.layers)
    if (counts === null) continue
    const lap = computeMicros(seats, counts) + fixedMicros(input, ring)
    const factor = ringFactor(input, ring)
    const cost = lap * factor
    if (cost < (best?.cost ?? Number.POSITIVE_INFINITY)) best = { ring, counts, lap, cost, factor }
  }
  return best
}

/** Also for two infinite ones, whose difference is no number. */
const compareNumbers = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0)

function chooseRing(input: PlacementInput, size: number): Choice | null {
  let steps = input.mostSteps ?? mostSteps
  if (input.peers.length <= exactCandidates && stepsOf(input.peers.length, size) <= steps) {
    return bestRing(input, input.peers, size)
  }
  let best: Choice | null = null
  const seen = new Set<string>()
  for (const peers of neighbourhoods(input)) {
    if (peers.length < size) continue
    const candidates = preselect(peers, size, peer => capacityOf(input.model, peer, false, false))
    const names = candidates.map(({ peer }) => peer).join(' ')
    if (seen.has(names)) continue
    seen.add(names)
    const needed = size > exactCandidates ? Number.POSITIVE_INFINITY : stepsOf(candidates.length, size)
    const isExact = needed <= steps
    if (isExact) steps -= needed
    const choice = isExact ? bestRing(input, candidates, size) : greedyRing(input, candidates, size)
    if (choice !== null && (best === null || choice.cost < best.cost)) best = choice
  }
  return best
}

/** Places the model on the peers, or says in words why it cannot be done. The same input always gives the same answer. */
export function planPlacement(input: PlacementInput): Placement {
  const chosen = roomiest(input.peers, peer => capacityOf(input.model, peer, false, false))
  const sorted = { ...input, peers: chosen.sort((a, b) => compare(a.peer, b.peer)) }
  const placed = place(sorted)
  if (placed !== null) return placed
  const isAll = sorted.peers.every(({ peer: a }) =>
    sorted.peers.every(({ peer: b }) => a === b || Number.isFinite(input.linkMs(a, b))),
  )
  const fewest = fewestSeats(input)
  if (isAll || place({ ...sorted, linkMs: () => 0 }) === null) {
    return { kind: 'impossible', reason: 'capacity', explanation: explainShortage(input, fewest) }
  }
  const explanation = `The ${input.peers.length} peers here cannot reach each other.`
  return { kind: 'impossible', reason: 'links', explanation }
}

const fewestSeats = ({ minSeats, model }: PlacementInput): number => Math.max(1, Math.min(minSeats, model.layers))

function place(input: PlacementInput): Placement | null {
  const most = Math.min(input.maxSeats, input.model.layers, input.peers.length)
  const isPenalised = input.peers.some(({ penalty = 1 }) => penalty > 1)
  // What the fewest seats are asked exactly, more of them are asked in passing: nobody waits for that.
  const briefly = { ...input, mostSteps: (input.mostSteps ?? mostSteps) / 10 }
  let best: Choice | null = null
  let sizes = 0
  for (let size = fewestSeats(input); size <= most && sizes < mostSizes; size++) {
    const choice = chooseRing(best === null ? input : briefly, size)
    if (best !== null) sizes++
    if (choice === null) continue
    if (best === null || choice.cost < best.cost) best = choice
    // More seats pay only where they make room for those of better standing.
    if (!isPenalised || best.factor === 1) break
  }
  if (best === null) return null
  const ranges = rangesOf(best.counts)
  const seats = best.ring.map((peer, index) => ({ peer: peer.peer, layers: ranges[index]! }))
  return { kind: 'placed', seats, lapMs: best.lap / 1000, costMs: best.cost / 1000 }
}
