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
  /** Steps of the search for one number of seats; what takes more is only tried greedily. Default: enough for eight candidates. */
  readonly mostSteps?: number
}

export interface PlacedSeat {
  readonly peer: string
  readonly layers: LayerRange
}
export type Placement =
  | { readonly kind: 'placed'; readonly seats: readonly PlacedSeat[]; readonly lapMs: number }
  /** `links`: the peers would suffice, if they could reach each other. */
  | { readonly kind: 'impossible'; readonly reason: 'capacity' | 'links'; readonly explanation: string }

const exactCandidates = 8
/** Steps of the search for one number of seats, all neighbourhoods together: as many as eight candidates for eight seats take. */
const mostSteps = 109_600
/** Of more peers only the roomiest are looked at: what is asked of each pair grows with the square. */
const mostCandidates = 128
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
  const isLinked = (a: PlacementPeer, b: PlacementPeer): boolean => Number.isFinite(input.linkMs(a.peer, b.peer))
  for (const choice of orderedChoices(candidates, size, isLinked)) {
    const counts = fillFastest(ringSeats(model, choice), model.layers)
    if (counts === null) continue
    const ring = [...choice]
    const lap = computeMicros(ringSeats(model, ring), counts) + fixedMicros(input, ring)
    if (!Number.isFinite(lap)) continue
    shortest = Math.min(shortest, lap)
    feasible.push({ ring, counts, lap })
  }
  const limit = Math.floor(shortest * (1 + (input.lapTolerance ?? 0)))
  let best: (Choice & { bottleneck: number }) | null = null
  for (const { ring, lap } of feasible) {
    if (lap > limit) continue
    const seats = ringSeats(model, ring)
    const fixed = fixedMicros(input, ring)
    const counts = fillEvenly(seats, model.layers, limit - fixed, best?.bottleneck)
    if (counts === null) continue
    const bottleneck = bottleneckMicros(seats, counts)
    const candidate = { ring, counts, lap: computeMicros(seats, counts) + fixed, bottleneck }
    const isBetter =
      best === null || bottleneck < best.bottleneck || (bottleneck === best.bottleneck && candidate.lap < best.lap)
    if (isBetter) best = candidate
  }
  return best
}

/** Beyond eight: those that make the fewest seats possible, then the fastest. */
function preselect(model: PlacementModel, peers: readonly PlacementPeer[], size: number): PlacementPeer[] {
  const sorted = byCapacity(model, peers)
  const chosen = sorted.slice(0, size)
  const rest = sorted.slice(size).sort((a, b) => a.msPerLayer - b.msPerLayer || compare(a.peer, b.peer))
  return [...chosen, ...rest].slice(0, Math.max(size, exactCandidates))
}

function byCapacity(model: PlacementModel, peers: readonly PlacementPeer[]): PlacementPeer[] {
  const capacity = (peer: PlacementPeer): number => capacityOf(model, peer, false, false)
  return [...peers].sort((a, b) => capacity(b) - capacity(a) || compare(a.peer, b.peer))
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
    if (lap < (best?.lap ?? Number.POSITIVE_INFINITY)) best = { ring, counts, lap }
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
    const candidates = preselect(input.model, peers, size)
    const names = candidates.map(({ peer }) => peer).join(' ')
    if (seen.has(names)) continue
    seen.add(names)
    const needed = size > exactCandidates ? Number.POSITIVE_INFINITY : stepsOf(candidates.length, size)
    const isExact = needed <= steps
    if (isExact) steps -= needed
    const choice = isExact ? bestRing(input, candidates, size) : greedyRing(input, candidates, size)
    if (choice !== null && (best === null || choice.lap < best.lap)) best = choice
  }
  return best
}

/** Places the model on the peers, or says in words why it cannot be done. The same input always gives the same answer. */
export function planPlacement(input: PlacementInput): Placement {
  const roomiest = byCapacity(input.model, input.peers).slice(0, mostCandidates)
  const sorted = { ...input, peers: roomiest.sort((a, b) => compare(a.peer, b.peer)) }
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
  for (let size = fewestSeats(input); size <= most; size++) {
    const choice = chooseRing(input, size)
    if (choice === null) continue
    const ranges = rangesOf(choice.counts)
    const seats = choice.ring.map((peer, index) => ({ peer: peer.peer, layers: ranges[index]! }))
    return { kind: 'placed', seats, lapMs: choice.lap / 1000 }
  }
  return null
}
