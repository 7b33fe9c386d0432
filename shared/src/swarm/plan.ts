/**
 * What is to be done about a swarm's state. `plan` never changes it: the shell performs each act and reports it as an event, after
 * which `plan` no longer asks for it. A ready coalition is left alone; a further tab waits.
 */
import { ComputePoolError } from '../errors/index.ts'
import { layerCount } from '../model/index.ts'
import type { Seat } from '../wire/control-messages.ts'
import { protocolVersion } from '../wire/frame-header.ts'
import { isRelayInUse } from './coalition-links.ts'
import { placeSwarm } from './place-swarm.ts'
import type { Placement } from './plan-placement.ts'
import type { SwarmAct } from './swarm-events.ts'
import { routeSeats } from './swarm-links.ts'
import type { Coalition, SwarmState } from './swarm-state.ts'

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
