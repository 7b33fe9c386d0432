/**
 * What is to be done about a swarm's state. `plan` never changes it: the shell performs each act and reports it as an event, after
 * which `plan` no longer asks for it. A ready coalition is left alone; a further tab waits.
 */
import { ComputePoolError } from '../errors/index.ts'
import { layerCount } from '../model/index.ts'
import type { Seat } from '../wire/control-messages.ts'
import { protocolVersion } from '../wire/frame-header.ts'
import { orderedChoices } from './placement-search.ts'
import { capacityOf, lapMs, type Placement, type PlacementInput, planPlacement } from './plan-placement.ts'
import type { SwarmAct } from './swarm-events.ts'
import { pairKey, type SwarmState } from './swarm-state.ts'

/** The acts that `state` calls for; none where there is nothing to do. */
export function plan(state: SwarmState): SwarmAct[] {
  const acts = greet(state)
  const { coalition } = state
  if (coalition?.status === 'lost') {
    acts.push({ type: 'dissolve-coalition', id: coalition.id, epoch: coalition.epoch, error: coalition.lostBy! })
    return acts
  }
  if (coalition !== null) return acts
  const placement = placeSwarm(state)
  const seated = placement.kind === 'placed' ? new Set(placement.seats.map(seat => seat.peer)) : new Set<string>()
  for (const { peer, isHolding } of Object.values(state.peers)) {
    if (isHolding && !seated.has(peer)) acts.push({ type: 'release-slice', peer, epoch: state.nextEpoch - 1 })
  }
  if (placement.kind === 'placed') acts.push(formAct(state, placement))
  return acts
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
  return { type: 'form-coalition', id: `c${epoch}`, epoch, seats, kvBudgetBytes, maxContext: config.maxContext }
}

// Searched once a state: the page's words ask for it again and again.
const placements = new WeakMap<SwarmState, Placement>()

/** Where the model would go now: the last seats with their holes filled, where that works, else a fresh plan. */
export function placeSwarm(state: SwarmState): Placement {
  const known = placements.get(state)
  if (known !== undefined) return known
  const input = placementInput(state)
  const placement = fillHoles(state, input) ?? planPlacement(input)
  placements.set(state, placement)
  return placement
}

function placementInput(state: SwarmState): PlacementInput {
  const { config } = state
  const peers = Object.values(state.peers)
    .filter(({ peer, capability, isRefused }) => capability !== null && !isRefused && state.bans[peer] === undefined)
    .map(({ peer, capability }) => ({
      peer,
      memoryBudgetBytes: capability!.memoryBudgetBytes,
      msPerLayer: capability!.msPerLayer,
      headMs: capability!.headMs,
    }))
  const { minSeats, maxSeats, hopMs, lapTolerance, placement } = config
  const rttMs = (a: string, b: string): number => state.rttMs[pairKey(a, b)] ?? config.unknownRttMs
  return { model: placement, peers, rttMs, minSeats, maxSeats, hopMs, lapTolerance }
}

/** Keeps every slice that is still held and gives the lost ones to waiting tabs; null where there are too few, or none fits. */
function fillHoles(state: SwarmState, input: PlacementInput): Placement | null {
  const previous = state.previousSeats
  const here = new Map(input.peers.map(peer => [peer.peer, peer]))
  const holes = previous.flatMap((seat, index) => (here.has(seat.peer) ? [] : [index]))
  // Without a hole the same seats failed to link: only a fresh plan can tell another way.
  if (holes.length === 0 || holes.length === previous.length) return null
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
    if (best === null || lap < best.lapMs) best = { kind: 'placed', seats, lapMs: lap }
  }
  return best
}
