/**
 * Where a swarm's state would put the model. Searched anew only when something changed that the search reads: every desk message makes
 * another state, and strangers may send many.
 */
import { layerCount } from '../model/index.ts'
import { neededLinks } from './coalition-links.ts'
import { explainUnlinked } from './explain-unlinked.ts'
import { orderedChoices } from './placement-search.ts'
import { capacityOf, lapMs, type Placement, type PlacementInput, planPlacement } from './plan-placement.ts'
import { isPlaceable, openRelays, planLinks } from './swarm-links.ts'
import { pairKey, type SwarmConfig, type SwarmPeer, type SwarmState } from './swarm-state.ts'

interface Searched {
  readonly facts: readonly unknown[]
  readonly measures: SwarmState['measures']
  readonly placement: Placement
}

// The last search of each swarm: a swarm keeps its config for life.
const searched = new WeakMap<SwarmConfig, Searched>()

/** Where the model would go if no coalition held it: the last seats with their holes filled, where that works, else a fresh plan. */
export function placeSwarm(state: SwarmState): Placement {
  const facts = factsOf(state)
  const known = searched.get(state.config)
  if (known !== undefined && known.measures === state.measures && isSame(known.facts, facts)) return known.placement
  const placement = search(state)
  searched.set(state.config, { facts, measures: state.measures, placement })
  return placement
}

/** Whether `placeSwarm` would place the model. What links measure, again and again, moves seats but does not decide that. */
export function canPlace(state: SwarmState): boolean {
  const known = searched.get(state.config)
  const placement = known !== undefined && isSame(known.facts, factsOf(state)) ? known.placement : placeSwarm(state)
  return placement.kind === 'placed'
}

/** All that the search reads, but measures; objects that only change as a whole stand for themselves. */
function factsOf(state: SwarmState): unknown[] {
  const facts: unknown[] = [state.failedPaths, state.previousSeats]
  const add = ({ peer, reach }: SwarmPeer): number => facts.push(peer, reach.webrtc, reach.axl)
  for (const peer of Object.values(state.peers)) {
    if (!isPlaceable(state, peer)) continue
    const { engine, memoryBudgetBytes, msPerLayer, headMs } = peer.capability!
    add(peer)
    facts.push(engine, memoryBudgetBytes, msPerLayer, headMs)
  }
  for (const relay of openRelays(state)) add(relay)
  return facts
}

const isSame = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((fact, index) => fact === b[index])

function search(state: SwarmState): Placement {
  const input = placementInput(state)
  const planned = fillHoles(state, input) ?? planPlacement(input)
  const isUnlinked = planned.kind === 'impossible' && planned.reason === 'links'
  return isUnlinked ? { ...planned, explanation: explainUnlinked(state) } : planned
}

function placementInput(state: SwarmState): PlacementInput {
  const { config } = state
  const peers = Object.values(state.peers)
    .filter(peer => isPlaceable(state, peer))
    .map(({ peer, capability }) => ({
      peer,
      memoryBudgetBytes: capability!.memoryBudgetBytes,
      msPerLayer: capability!.msPerLayer,
      headMs: capability!.headMs,
    }))
  const { minSeats, maxSeats, hopMs, lapTolerance, placement } = config
  const { hopMs: linkMs } = planLinks(state)
  return { model: placement, peers, linkMs, minSeats, maxSeats, hopMs, lapTolerance }
}

/** Keeps every slice that is still held and gives the lost ones to waiting tabs; null where there are too few, or none fits. */
function fillHoles(state: SwarmState, input: PlacementInput): Placement | null {
  const previous = state.previousSeats
  const here = new Map(input.peers.map(peer => [peer.peer, peer]))
  const holes = previous.flatMap((seat, index) => (here.has(seat.peer) ? [] : [index]))
  if (holes.length === previous.length) return null
  // Two that stay failed to link: only a fresh plan can tell another way.
  const stay = (peer: string): boolean => here.has(peer)
  const failed = neededLinks(previous).some(
    ([a, b]) => stay(a) && stay(b) && state.failedPaths[pairKey(a, b)] !== undefined,
  )
  if (failed) return null
  const spare = input.peers
    .filter(peer => !previous.some(seat => seat.peer === peer.peer))
    .sort((a, b) => a.msPerLayer - b.msPerLayer || (a.peer < b.peer ? -1 : 1))
    .slice(0, 8)
  if (spare.length < holes.length) return null
  // A lap is summed for every choice: the crowd that waits has no part in it.
  const near = { ...input, peers: [...spare, ...previous.flatMap(seat => here.get(seat.peer) ?? [])] }
  let best: Extract<Placement, { kind: 'placed' }> | null = null
  for (const choice of orderedChoices(spare, holes.length)) {
    const seats = previous.map(({ peer, layers }, index) => {
      const hole = holes.indexOf(index)
      return { peer: hole < 0 ? peer : choice[hole]!.peer, layers }
    })
    const fits = seats.every(({ peer, layers }, index) => {
      const capacity = capacityOf(input.model, here.get(peer)!, index === 0, index === seats.length - 1)
      return layerCount(layers) <= capacity
    })
    if (!fits) continue
    const lap = lapMs(near, seats)
    if (!Number.isFinite(lap)) continue
    if (best === null || lap < best.lapMs) best = { kind: 'placed', seats, lapMs: lap }
  }
  return best
}
