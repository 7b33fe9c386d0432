/**
 * What is to be done about a swarm's state. `plan` never changes it: the shell performs each act and reports it as an event, after
 * which `plan` no longer asks for it.
 */
import { ComputePoolError } from '../errors/index.ts'
import { protocolVersion } from '../wire/frame-header.ts'
import { isRelayInUse } from './coalition-links.ts'
import { livingCoalitions } from './coalitions.ts'
import { formAct } from './form-act.ts'
import { planRing } from './plan-ring.ts'
import { planStandbys } from './plan-standbys.ts'
import { planSuccessor } from './plan-successor.ts'
import { isReturnAwaited } from './returning.ts'
import type { SwarmAct } from './swarm-events.ts'
import type { Coalition, SwarmState } from './swarm-state.ts'
import { isBarredHere } from './weights.ts'

/** The acts that `state` calls for; none where there is nothing to do, or nothing that cannot wait until time passes. */
export function plan(state: SwarmState): SwarmAct[] {
  if (state.isLookDue) return []
  const acts = greet(state)
  const lost = state.coalitions.filter(({ status }) => status === 'lost')
  if (lost.length > 0) {
    for (const { id, epoch, lostBy, relays } of lost) {
      acts.push({ type: 'dissolve-coalition', id, epoch, relays: relays.map(({ relay }) => relay), error: lostBy! })
    }
    return acts
  }
  const dropped = livingCoalitions(state).flatMap(coalition => dropRelays(state, coalition))
  if (dropped.length > 0) return [...acts, ...dropped]
  const ring = planRing(state)
  // Who stands by for one ring may be taken into the next: what follows from a new ring is asked for when it is there.
  if (ring !== null)
    return [...acts, ...release(state, new Set(ring.seats.map(seat => seat.peer))), formAct(state, ring)]
  const renewed = planStandbys(state)
  const kept = renewed.flatMap(({ standbys }) => standbys.map(({ peer }) => peer))
  acts.push(...release(state, new Set(kept)), ...renewed)
  if (acts.length > 0) return acts
  const successor = planSuccessor(state)
  return successor === null ? [] : [successor]
}

/** Those that hold a slice for nobody, and those that asked to go and have nothing left to finish. `wanted` get another part at once. */
function release(state: SwarmState, wanted: ReadonlySet<string>): SwarmAct[] {
  const living = livingCoalitions(state)
  const working = new Set(
    living.flatMap(({ seats, relays, standbys }) => [
      ...seats.map(({ peer }) => peer),
      ...relays.map(({ relay }) => relay),
      ...standbys.map(({ peer }) => peer),
    ]),
  )
  // They may be given their layers again: by a ring that forms, or when those that vanished are back.
  const isEarly = living.some(({ status }) => status === 'forming') || isReturnAwaited(state) || wanted.size > 0
  return Object.values(state.peers)
    .filter(({ peer }) => !working.has(peer) && !wanted.has(peer))
    .filter(
      ({ peer, isHolding, draining }) => draining === 'asked' || (isHolding && (!isEarly || isBarredHere(state, peer))),
    )
    .map(({ peer }) => ({ type: 'release-slice', peer, epoch: state.nextEpoch - 1 }))
}

/** One at a time: what the next one is spared for depends on who is left. */
function dropRelays(state: SwarmState, coalition: Coalition): SwarmAct[] {
  const { id, epoch, seats, relays, standbys } = coalition
  const dropped = relays.find(({ relay }) => {
    const known = state.peers[relay]
    if (known?.role !== 'relay' || isBarredHere(state, relay)) return true
    return known.draining !== 'no' && !isRelayInUse(coalition, relay)
  })
  if (dropped === undefined) return []
  const { relay } = dropped
  const left = relays.flatMap(other => (other === dropped ? [] : [other.relay]))
  const remaining = [...seats.map(seat => seat.peer), ...left, ...standbys.map(({ peer }) => peer)]
  return [{ type: 'drop-relay', id, epoch, relay, remaining }]
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
