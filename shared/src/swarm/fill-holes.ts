/** A lost ring's seats with their holes filled: who is left keeps what it holds. Pure arithmetic over the state; it writes nothing. */
import { isSameRange } from './coalitions.ts'
import { asPlaced, countHeld, failedLinks, type Placed } from './placed-ring.ts'
import { orderedChoices } from './placement-search.ts'
import { byEffort } from './placement-standing.ts'
import type { PlacedSeat, PlacementInput } from './plan-placement.ts'
import type { SwarmState } from './swarm-state.ts'

/** Of those that wait, the best placed are tried: laps are summed for every choice. */
const mostSpares = 8
/** Choices that are tried for one lost ring. */
const mostChoices = 4096

/**
 * The seats as they were, those that are gone given to others: to whoever holds their layers first, then for the shortest lap. Of two
 * that stay and could not link one has to go. Null where nobody is left, there are too few, or none fits.
 */
export function fillHoles(state: SwarmState, input: PlacementInput, previous: readonly PlacedSeat[]): Placed | null {
  const here = new Set(input.peers.map(({ peer }) => peer))
  const gone = previous.flatMap((seat, index) => (here.has(seat.peer) ? [] : [index]))
  let best: Placed | null = null
  let bestHeld = -1
  let choices = 0
  for (const holes of vacancies(state, previous, gone)) {
    if (holes.length === previous.length) continue
    const spares = sparesFor(state, input, previous, holes)
    if (spares.length < holes.length) continue
    for (const choice of orderedChoices(spares, holes.length)) {
      if (++choices > mostChoices) return best
      const seats = previous.map(({ peer, layers }, index) => {
        const hole = holes.indexOf(index)
        return { peer: hole < 0 ? peer : choice[hole]!, layers }
      })
      const placed = asPlaced(input, seats)
      if (placed === null) continue
      const held = countHeld(state, seats)
      if (best !== null && (held < bestHeld || (held === bestHeld && placed.costMs >= best.costMs))) continue
      best = placed
      bestHeld = held
    }
  }
  return best
}

/** Which seats could be filled anew: those that are gone, and one end of each link that failed between two that are not. */
function* vacancies(
  state: SwarmState,
  previous: readonly PlacedSeat[],
  gone: readonly number[],
): Generator<readonly number[]> {
  const stays = (index: number): boolean => !gone.includes(index)
  const failed = failedLinks(state, previous).filter(([a, b]) => stays(a) && stays(b))
  if (failed.length > 3) return
  for (let ends = 0; ends < 2 ** failed.length; ends++) {
    const chosen = failed.map((pair, index) => pair[(ends >> index) & 1]!)
    yield [...new Set([...gone, ...chosen])].sort((a, b) => a - b)
  }
}

function sparesFor(
  state: SwarmState,
  { peers }: PlacementInput,
  previous: readonly PlacedSeat[],
  holes: readonly number[],
): string[] {
  const holds = (peer: string): number =>
    holes.some(index => isSameRange(state.peers[peer]?.held ?? null, previous[index]!.layers)) ? 0 : 1
  return peers
    .filter(({ peer }) => !previous.some(seat => seat.peer === peer))
    .map(offer => ({ ...offer, rank: holds(offer.peer) }))
    .sort((a, b) => a.rank - b.rank || byEffort(a, b))
    .slice(0, mostSpares)
    .map(({ peer }) => peer)
}
