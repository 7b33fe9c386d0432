/**
 * The only writer of a swarm's state: one event in, the next state out. What an old epoch's tab says is dropped here. It decides
 * nothing (that is `plan`) and performs nothing.
 */
import { isRingDraining, isSuccessorLoaded, leavingPeer } from './coalition-links.ts'
import { coalitionOf, isSameRange, withCoalition } from './coalitions.ts'
import { hearPeer } from './hear-peer.ts'
import { forgetSuccessors, lose, losePeer } from './lose-coalition.ts'
import { meetDeadlines } from './meet-deadlines.ts'
import { peerInWords } from './peer-words.ts'
import { hasFailedLink } from './placed-ring.ts'
import { looked, settleViews } from './quiet-words.ts'
import { noteVanished } from './returning.ts'
import type { SwarmEvent } from './swarm-events.ts'
import { changePeer, newPeer, withPeer } from './swarm-peers.ts'
import type { Coalition, Standby, SwarmPeer, SwarmState } from './swarm-state.ts'
import { quarrelled, weighed } from './weights.ts'

/** Seat lists of lost coalitions that are remembered. */
const mostPrevious = 8

/** The state after `event`; the same state and event always give the same answer. */
export function apply(state: SwarmState, event: SwarmEvent): SwarmState {
  const isLater = 'atMs' in event && event.atMs > state.nowMs
  const now = isLater ? { ...state, nowMs: event.atMs } : state
  return happen(now.isLookDue ? { ...now, isLookDue: false } : now, event)
}

function happen(state: SwarmState, event: SwarmEvent): SwarmState {
  switch (event.type) {
    case 'peer-connected': {
      const { peer, atMs } = event
      const noted = noteVanished(state, peer, atMs)
      return withPeer(withoutPeer(noted, peer, 'connected anew'), newPeer(peer, atMs))
    }
    case 'peer-said': {
      const known = state.peers[event.peer]
      if (known === undefined) return state
      if (event.request.type === 'peer-leaving') return withoutPeer(state, known.peer, 'left')
      const peer = { ...known, heardAtMs: event.atMs, isSilent: false }
      const heard = withPeer(state, peer)
      const next = hearPeer(heard, peer, event.request, event.atMs)
      return known.isSilent ? next : looked(heard, next, event.request)
    }
    case 'peer-gone':
      return withoutPeer(noteVanished(state, event.peer, event.atMs), event.peer, event.reason)
    case 'time-passed':
      return meetDeadlines(settleViews(state, event.atMs), event.atMs)
    case 'model-offered':
      return changePeer(state, event.peer, { phase: 'offered' })
    case 'peer-refused':
      return changePeer(state, event.peer, { isRefused: true })
    case 'coalition-formed':
      return formed(state, event)
    case 'standbys-renewed':
      return standbysRenewed(state, event)
    case 'successor-chosen': {
      const coalition = coalitionOf(state, event.epoch)
      return coalition === null ? state : withCoalition(state, { ...coalition, successor: event.seats })
    }
    case 'coalition-dissolved':
      return dissolved(state, event.epoch)
    case 'ring-drained':
      return drained(state, event.epoch)
    case 'relay-dropped': {
      const coalition = coalitionOf(state, event.epoch)
      if (coalition === null) return state
      return withCoalition(state, {
        ...coalition,
        relays: coalition.relays.filter(({ relay }) => relay !== event.relay),
      })
    }
    case 'slice-released':
      return released(state, event.peer)
    case 'operators-weighed':
      return weighed(state, event)
    case 'boundary-broken':
      return quarrelled(state, event)
  }
}

/** The state after `peer` went: its seat, or its relay's links, with it. */
function withoutPeer(state: SwarmState, peer: string, reason: string): SwarmState {
  if (state.peers[peer] === undefined) return state
  const lost = forgetSuccessors(losePeer(state, peer, reason), peer)
  const { [peer]: _gone, ...peers } = lost.peers
  return { ...lost, peers }
}

function released(state: SwarmState, peer: string): SwarmState {
  const known = state.peers[peer]
  if (known === undefined) return state
  const phase = known.capability === null ? known.phase : 'measured'
  const draining = known.draining === 'no' ? 'no' : 'released'
  return withPeer(state, { ...known, isHolding: false, held: null, phase, draining, kvBudgetBytes: null })
}

/** As it is when it was told to load these layers; what it holds already stays on its shelf if it is the same. */
function assigned(peer: SwarmPeer, { layers }: Pick<Standby, 'layers'>, atMs: number): SwarmPeer {
  const fresh = { doneBytes: 0, totalBytes: 0, kvBudgetBytes: null, maxContext: null, progressedAtMs: atMs }
  const held = isSameRange(peer.held, layers) ? peer.held : null
  return { ...peer, ...fresh, phase: 'assigned', isHolding: true, held }
}

function formed(state: SwarmState, event: Extract<SwarmEvent, { type: 'coalition-formed' }>): SwarmState {
  const { id, epoch, seats, routes, relays, lapMs, atMs } = event
  const peers = { ...state.peers }
  for (const seat of seats) {
    const known = peers[seat.peer]
    if (known !== undefined) peers[seat.peer] = assigned(known, seat, atMs)
  }
  const ring = { id, epoch, seats, routes, relays, lapMs, standbys: [], hasServed: false, successor: null }
  const coalition: Coalition = { ...ring, status: 'forming', reports: {}, closings: [], sinceMs: atMs, lostBy: null }
  const isTaken = (peer: string): boolean => seats.some(seat => seat.peer === peer)
  const next = {
    ...state,
    peers,
    coalitions: [...state.coalitions.map(other => withoutRelays(other, relays)), coalition],
    previous: state.previous.filter(others => !others.some(({ peer }) => isTaken(peer))),
    wanted: state.wanted?.some(({ peer }) => isTaken(peer)) === true ? null : state.wanted,
    returningSinceMs: null,
    nextEpoch: epoch + 1,
  }
  const missing = seats.find(seat => peers[seat.peer] === undefined)
  return missing === undefined ? next : losePeer(next, missing.peer, 'left')
}

/** A relay works for one coalition: what was a spare of another's is so no more. */
function withoutRelays(coalition: Coalition, taken: Coalition['relays']): Coalition {
  const relays = coalition.relays.filter(({ relay }) => !taken.some(other => other.relay === relay))
  return relays.length === coalition.relays.length ? coalition : { ...coalition, relays }
}

function standbysRenewed(state: SwarmState, event: Extract<SwarmEvent, { type: 'standbys-renewed' }>): SwarmState {
  const coalition = coalitionOf(state, event.epoch)
  if (coalition === null) return state
  const peers = { ...state.peers }
  for (const standby of event.joined) {
    const known = peers[standby.peer]
    if (known !== undefined) peers[standby.peer] = assigned(known, standby, event.atMs)
  }
  return withCoalition({ ...state, peers }, { ...coalition, standbys: event.standbys })
}

/** Its seats are remembered, and above them those that were to replace them. */
function dissolved(state: SwarmState, epoch: number): SwarmState {
  const coalition = coalitionOf(state, epoch)
  if (coalition === null) return state
  const { seats, successor } = coalition
  const next = successor !== null && isSuccessorLoaded(state, coalition) ? [seats, successor] : [seats]
  return {
    ...state,
    coalitions: state.coalitions.filter(other => other !== coalition),
    previous: [...state.previous, ...next].slice(-mostPrevious),
    unlinkedAtMs: hasFailedLink(state, seats) ? state.nowMs : state.unlinkedAtMs,
  }
}

function drained(state: SwarmState, epoch: number): SwarmState {
  const coalition = coalitionOf(state, epoch)
  if (coalition === null || !isRingDraining(state, coalition)) return state
  const leaving = leavingPeer(state, coalition)
  const words =
    leaving === null
      ? 'the ring is formed anew, to be faster'
      : `${peerInWords(state, leaving)} left the ring as it had asked to`
  // What is loaded would bring back the ring that was given up: its successor may share no slice with it.
  const wanted = isSuccessorLoaded(state, coalition) ? coalition.successor : state.wanted
  return { ...lose(state, epoch, words), wanted }
}
