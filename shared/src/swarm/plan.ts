/**
 * What is to be done about a swarm's state. `plan` never changes it: the shell performs each act and reports it as an event, after
 * which `plan` no longer asks for it. A ready coalition is left alone; a further tab waits.
 */
import { ComputePoolError } from '../errors/index.ts'
import { layerCount } from '../model/index.ts'
import type { Seat } from '../wire/control-messages.ts'
import { protocolVersion } from '../wire/frame-header.ts'
import { isRelayInUse, neededLinks } from './coalition-links.ts'
import { explainUnlinked } from './explain-unlinked.ts'
import { orderedChoices } from './placement-search.ts'
import { capacityOf, lapMs, type Placement, type PlacementInput, planPlacement } from './plan-placement.ts'
import type { SwarmAct } from './swarm-events.ts'
import { isPlaceable, planLinks, routeSeats } from './swarm-links.ts'
import { type Coalition, pairKey, type SwarmState } from './swarm-state.ts'

/** The acts that `state` calls for; none where there is nothing to do. */
export function plan(state: SwarmState): SwarmAct[] {
  const acts = greet(state)
  const { coalition } = state
  if (coalition?.status === 'lost') {
    const { id, epoch, lostBy } = coalition
    const relays = coalition.relays.map(({ relay }) => relay)
    acts.push({ type: 'dissolve-coalition', id, epoch, relays, error: lostBy! })
    return acts
  }
  if (coalition !== null) {
    acts.push(...dropRelays(state, coalition))
    const working = [...coalition.seats.map(seat => seat.peer), ...coalition.relays.map(({ relay }) => relay)]
    acts.push(...release(state, new Set(working)))
    return acts
  }
  const placement = placeSwarm(state)
  const seated = placement.kind === 'placed' ? placement.seats.map(seat => seat.peer) : []
  acts.push(...release(state, new Set(seated)))
  if (placement.kind === 'placed') acts.push(formAct(state, placement))
  return acts
}

/** Those that hold a slice for nobody, and those that asked to go and have nothing left to finish. */
function release(state: SwarmState, working: ReadonlySet<string>): SwarmAct[] {
  return Object.values(state.peers)
    .filter(({ peer, isHolding, draining }) => !working.has(peer) && (isHolding || draining === 'asked'))
    .map(({ peer }) => ({ type: 'release-slice', peer, epoch: state.nextEpoch - 1 }))
}

/** One at a time: what the next one is spared for depends on who is left. */
function dropRelays(state: SwarmState, coalition: Coalition): SwarmAct[] {
  const { id, epoch, seats, relays } = coalition
  const dropped = relays.find(({ relay }) => {
    const known = state.peers[relay]
    if (known?.role !== 'relay') return true
    return known.draining !== 'no' && !isRelayInUse(coalition, relay)
  })
  if (dropped === undefined) return []
  const { relay } = dropped
  const left = relays.flatMap(other => (other === dropped ? [] : [other.relay]))
  return [{ type: 'drop-relay', id, epoch, relay, remaining: [...seats.map(seat => seat.peer), ...left] }]
}

function greet(state: SwarmState): SwarmAct[] {
  const acts: SwarmAct[] = []
  for (const { peer, version, phase, isRefused } of Object.values(state.peers)) {
    if (version === null || phase !== 'joined' || isRefused) continue
    if (version === protocolVersion) {
      acts.push({ type: 'offer-model', peer })
      continue
    }
    const message = `The tab speaks protocol version ${version}; this pool speaks version ${protocolVersion}.`
    const error = new ComputePoolError('peer_version_refused', message, { remedy: 'Reload the page and join again.' })
    acts.push({ type: 'refuse-peer', peer, error: error.toJSON() })
  }
  return acts
}

function formAct(state: SwarmState, placement: Extract<Placement, { kind: 'placed' }>): SwarmAct {
  const { config } = state
  const seats: Seat[] = placement.seats.map((seat, index) => ({ seat: index, peer: seat.peer, layers: seat.layers }))
  const kvBudgetBytes = seats.map((seat, index) => {
    const { layerBytes, embeddingBytes, headBytes, kvBytesPerLayer } = config.placement
    const layers = layerCount(seat.layers)
    const weights =
      layers * layerBytes + (index === 0 ? embeddingBytes : 0) + (index === seats.length - 1 ? headBytes : 0)
    const spare = state.peers[seat.peer]!.capability!.memoryBudgetBytes - weights
    return Math.min(spare, config.maxCaches * layers * kvBytesPerLayer)
  })
  const epoch = state.nextEpoch
  const links = routeSeats(state, seats)
  return {
    type: 'form-coalition',
    id: `c${epoch}`,
    epoch,
    seats,
    kvBudgetBytes,
    maxContext: config.maxContext,
    ...links,
  }
}

// Searched once a state: the page's words ask for it again and again.
const placements = new WeakMap<SwarmState, Placement>()

/** Where the model would go if no coalition held it: the last seats with their holes filled, where that works, else a fresh plan. */
export function placeSwarm(state: SwarmState): Placement {
  const known = placements.get(state)
  if (known !== undefined) return known
  const input = placementInput(state)
  const planned = fillHoles(state, input) ?? planPlacement(input)
  const isUnlinked = planned.kind === 'impossible' && planned.reason === 'links'
  const placement = isUnlinked ? { ...planned, explanation: explainUnlinked(state) } : planned
  placements.set(state, placement)
  return placement
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
    const lap = lapMs(input, seats)
    if (!Number.isFinite(lap)) continue
    if (best === null || lap < best.lapMs) best = { kind: 'placed', seats, lapMs: lap }
  }
  return best
}
