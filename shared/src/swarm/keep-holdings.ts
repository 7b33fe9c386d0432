/**
 * A ring out of what peers hold already, where no lost ring is remembered: after an orchestrator's restart, or of standbys. It reads
 * the state and writes nothing.
 */
import { asPlaced, type Placed } from './placed-ring.ts'
import { byEffort } from './placement-standing.ts'
import type { PlacedSeat, PlacementInput } from './plan-placement.ts'
import type { SwarmState } from './swarm-state.ts'

/** Of peers that hold the same layers, the fastest are tried. */
const mostAlike = 3
/** Chains that are looked at. */
const mostChains = 2000
/** Of those that could fill a gap, the fastest are tried. */
const mostFillers = 2
/** Gaps that are tried: anybody may say that it holds anything. */
const mostGaps = 32

/**
 * The same with one seat whose peer would load its layers: one that was lost while nobody remembered the ring. Null where nothing is
 * held that could be kept so.
 */
export function fillGap(state: SwarmState, input: PlacementInput): Placed | null {
  const { layers } = input.model
  const byStart = holdersByStart(state, input)
  const starts = [...byStart.keys(), layers]
  const fillers = [...input.peers].sort(byEffort).slice(0, mostFillers)
  let best: Placed | null = null
  let gaps = 0
  for (const start of new Set([0, ...[...byStart.values()].flat().map(seat => seat.layers.end)])) {
    for (const end of starts) {
      if (end <= start || (start === 0 && end === layers)) continue
      if (++gaps > mostGaps) return best
      for (const { peer } of fillers) {
        const placed = shortestChain(input, withSeat(byStart, { peer, layers: { start, end } }))
        if (placed !== null && (best === null || placed.costMs < best.costMs)) best = placed
      }
    }
  }
  return best
}

/** These seats, and nothing else of that peer's. */
function withSeat(byStart: ReadonlyMap<number, PlacedSeat[]>, seat: PlacedSeat): Map<number, PlacedSeat[]> {
  const others = new Map([...byStart].map(([start, seats]) => [start, seats.filter(({ peer }) => peer !== seat.peer)]))
  return others.set(seat.layers.start, [...(others.get(seat.layers.start) ?? []), seat])
}

/** The shortest lap of seats whose peers hold exactly their layers, and which tile the model; null where there are none. */
export function keepHoldings(state: SwarmState, input: PlacementInput): Placed | null {
  return shortestChain(input, holdersByStart(state, input))
}

function shortestChain(input: PlacementInput, byStart: ReadonlyMap<number, PlacedSeat[]>): Placed | null {
  const { layers } = input.model
  const fewest = Math.max(1, Math.min(input.minSeats, layers))
  let best: Placed | null = null
  let chains = 0
  const extend = (seats: readonly PlacedSeat[], start: number): void => {
    if (++chains > mostChains) return
    if (start === layers) {
      const placed = seats.length < fewest ? null : asPlaced(input, seats)
      if (placed !== null && (best === null || placed.costMs < best.costMs)) best = placed
      return
    }
    if (seats.length === input.maxSeats) return
    for (const seat of byStart.get(start) ?? []) {
      if (!seats.some(({ peer }) => peer === seat.peer)) extend([...seats, seat], seat.layers.end)
    }
  }
  extend([], 0)
  return best
}

function holdersByStart(state: SwarmState, { peers }: PlacementInput): Map<number, PlacedSeat[]> {
  const byStart = new Map<number, PlacedSeat[]>()
  const alike = new Map<string, number>()
  for (const { peer } of [...peers].sort(byEffort)) {
    const held = state.peers[peer]?.held ?? null
    if (held === null) continue
    const key = `${held.start}-${held.end}`
    const count = alike.get(key) ?? 0
    alike.set(key, count + 1)
    if (count < mostAlike) byStart.set(held.start, [...(byStart.get(held.start) ?? []), { peer, layers: held }])
  }
  return byStart
}
