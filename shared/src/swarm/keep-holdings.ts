/**
 * A ring out of what peers hold already, where no lost ring is remembered: after an orchestrator's restart, or of standbys. It reads
 * the state and writes nothing.
 */
import { asPlaced, type Placed } from './placed-ring.ts'
import type { PlacedSeat, PlacementInput } from './plan-placement.ts'
import type { SwarmState } from './swarm-state.ts'

/** Of peers that hold the same layers, the fastest are tried. */
const mostAlike = 3
/** Chains that are looked at. */
const mostChains = 2000

/** The shortest lap of seats whose peers hold exactly their layers, and which tile the model; null where there are none. */
export function keepHoldings(state: SwarmState, input: PlacementInput): Placed | null {
  const { layers } = input.model
  const byStart = holdersByStart(state, input)
  const fewest = Math.max(1, Math.min(input.minSeats, layers))
  let best: Placed | null = null
  let chains = 0
  const extend = (seats: readonly PlacedSeat[], start: number): void => {
    if (++chains > mostChains) return
    if (start === layers) {
      const placed = seats.length < fewest ? null : asPlaced(input, seats)
      if (placed !== null && (best === null || placed.lapMs < best.lapMs)) best = placed
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
  const bySpeed = [...peers].sort((a, b) => a.msPerLayer - b.msPerLayer || (a.peer < b.peer ? -1 : 1))
  for (const { peer } of bySpeed) {
    const held = state.peers[peer]?.held ?? null
    if (held === null) continue
    const key = `${held.start}-${held.end}`
    const count = alike.get(key) ?? 0
    alike.set(key, count + 1)
    if (count < mostAlike) byStart.set(held.start, [...(byStart.get(held.start) ?? []), { peer, layers: held }])
  }
  return byStart
}
