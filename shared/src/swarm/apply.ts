/**
 * The only writer of a swarm's state: one event in, the next state out. What an old epoch's tab says is dropped here. It decides
 * nothing (that is `plan`) and performs nothing.
 */
import { ComputePoolError } from '../errors/index.ts'
import type { DeskRequest } from '../wire/control-messages.ts'
import { ban, refusalOf } from './bans.ts'
import { leavingPeer } from './coalition-links.ts'
import { judge, linksHeard, meetLinkDeadline } from './hear-links.ts'
import { lose, losePeer } from './lose-coalition.ts'
import { peerInWords } from './peer-words.ts'
import type { SwarmEvent } from './swarm-events.ts'
import type { Coalition, PeerPhase, SwarmPeer, SwarmState } from './swarm-state.ts'

/** The way of a slice: what was reached once is not left again. */
const loadOrder: readonly PeerPhase[] = ['assigned', 'downloading', 'loading', 'testing', 'ready']

/** The state after `event`; the same state and event always give the same answer. */
export function apply(state: SwarmState, event: SwarmEvent): SwarmState {
  const isLater = 'atMs' in event && event.atMs > state.nowMs
  return happen(isLater ? { ...state, nowMs: event.atMs } : state, event)
}

function happen(state: SwarmState, event: SwarmEvent): SwarmState {
  switch (event.type) {
    case 'peer-connected':
      return withPeer(withoutPeer(state, event.peer, 'connected anew'), newPeer(event.peer, event.atMs))
    case 'peer-said': {
      const peer = state.peers[event.peer]
      return peer === undefined ? state : hear(state, peer, event.request, event.atMs)
    }
    case 'peer-gone':
      return withoutPeer(state, event.peer, event.reason)
    case 'time-passed':
      return meetDeadlines(state, event.atMs)
    case 'model-offered':
      return changePeer(state, event.peer, { phase: 'offered' })
    case 'peer-refused':
      return changePeer(state, event.peer, { isRefused: true })
    case 'coalition-formed':
      return formed(state, event)
    case 'coalition-dissolved':
      if (state.coalition?.epoch !== event.epoch) return state
      return { ...state, coalition: null, previousSeats: state.coalition.seats }
    case 'ring-drained': {
      const leaving = state.coalition?.epoch === event.epoch ? leavingPeer(state) : null
      return leaving === null ? state : lose(state, `${peerInWords(state, leaving)} left the ring as it had asked to`)
    }
    case 'relay-dropped':
      return state.coalition?.epoch === event.epoch ? dropRelay(state, event.relay) : state
    case 'slice-released':
      return released(state, event.peer)
  }
}

const newPeer = (peer: string, atMs: number): SwarmPeer => ({
  peer,
  version: null,
  role: 'operator',
  reach: { webrtc: false, axl: null },
  draining: 'no',
  phase: 'joined',
  capability: null,
  doneBytes: 0,
  totalBytes: 0,
  kvBudgetBytes: null,
  maxContext: null,
  isHolding: false,
  isRefused: false,
  progressedAtMs: atMs,
  stats: null,
})

const withPeer = (state: SwarmState, peer: SwarmPeer): SwarmState => ({
  ...state,
  peers: { ...state.peers, [peer.peer]: peer },
})

/** The state after `peer` went: its seat, or its relay's links, with it. */
function withoutPeer(state: SwarmState, peer: string, reason: string): SwarmState {
  if (state.peers[peer] === undefined) return state
  const lost = losePeer(state, peer, reason)
  const { [peer]: _gone, ...peers } = lost.peers
  return { ...lost, peers }
}

function dropRelay(state: SwarmState, relay: string): SwarmState {
  const coalition = state.coalition!
  const relays = coalition.relays.filter(other => other.relay !== relay)
  return { ...state, coalition: { ...coalition, relays } }
}

function released(state: SwarmState, peer: string): SwarmState {
  const known = state.peers[peer]
  if (known === undefined) return state
  const phase = known.capability === null ? known.phase : 'measured'
  const draining = known.draining === 'no' ? 'no' : 'released'
  return withPeer(state, { ...known, isHolding: false, phase, draining, kvBudgetBytes: null })
}

function changePeer(state: SwarmState, peer: string, change: Partial<SwarmPeer>): SwarmState {
  const known = state.peers[peer]
  return known === undefined ? state : withPeer(state, { ...known, ...change })
}

function formed(state: SwarmState, event: Extract<SwarmEvent, { type: 'coalition-formed' }>): SwarmState {
  const { id, epoch, seats, routes, relays, atMs } = event
  const peers = { ...state.peers }
  for (const { peer } of seats) {
    const known = peers[peer]
    if (known === undefined) continue
    const fresh = { doneBytes: 0, totalBytes: 0, kvBudgetBytes: null, maxContext: null, progressedAtMs: atMs }
    peers[peer] = { ...known, ...fresh, phase: 'assigned', isHolding: true }
  }
  const ring = { id, epoch, seats, routes, relays }
  const coalition: Coalition = { ...ring, status: 'forming', reports: {}, sinceMs: atMs, lostBy: null }
  const next = { ...state, peers, coalition, nextEpoch: epoch + 1 }
  const missing = seats.find(seat => peers[seat.peer] === undefined)
  return missing === undefined ? next : losePeer(next, missing.peer, 'left')
}

function hear(heard: SwarmState, peer: SwarmPeer, request: DeskRequest, atMs: number): SwarmState {
  const { coalition } = heard
  const isCurrent = (epoch: number): boolean =>
    coalition?.epoch === epoch && coalition.status !== 'lost' && coalition.seats.some(seat => seat.peer === peer.peer)
  switch (request.type) {
    case 'peer-joined': {
      const { version, role, reach } = request
      // Once a connection: routes were made from it.
      return peer.version === null ? withPeer(heard, { ...peer, version, role, reach }) : heard
    }
    case 'capability-reported': {
      // Before it said what it is there was nothing to offer, and nothing to measure.
      const isAsked = peer.version !== null && peer.role === 'operator'
      if (!isAsked || request.model !== heard.config.model) return heard
      // Once a connection: a stranger whose figures never stand still would have the placement searched anew each time.
      if (peer.capability !== null) return heard
      const phase = peer.phase === 'joined' || peer.phase === 'offered' ? 'measured' : peer.phase
      return withPeer(heard, { ...peer, phase, capability: request.capability })
    }
    case 'slice-progressed': {
      if (!isCurrent(request.epoch) || peer.phase === 'ready') return heard
      return withPeer(heard, progressed(peer, request, atMs))
    }
    case 'slice-ready': {
      // Said again it would put off the links' deadline.
      if (!isCurrent(request.epoch) || peer.phase === 'ready') return heard
      const { kvBudgetBytes, maxContext } = request
      const judged = judge(withPeer(heard, { ...peer, phase: 'ready', kvBudgetBytes, maxContext }), atMs)
      // The links' deadline starts when the last slice is ready.
      return { ...judged, coalition: { ...judged.coalition!, sinceMs: atMs } }
    }
    case 'slice-refused': {
      if (!isCurrent(request.epoch)) return heard
      const banned = ban(heard, peer.peer, refusalOf(request.error))
      return lose(banned, `${peerInWords(heard, peer.peer)} refused its slice: ${request.error.message}`)
    }
    case 'links-reported':
      return isCurrent(request.epoch) ? judge(linksHeard(heard, peer.peer, request.links), atMs) : heard
    case 'stats-reported': {
      const { stepMs, weightsBytes, kvBytes, tokensServed, isHidden } = request
      return withPeer(heard, { ...peer, stats: { stepMs, weightsBytes, kvBytes, tokensServed, isHidden } })
    }
    case 'relay-reported':
      return relayHeard(heard, peer.peer, request)
    case 'peer-draining':
      return peer.draining === 'no' ? withPeer(heard, { ...peer, draining: 'asked' }) : heard
    case 'peer-leaving':
      return withoutPeer(heard, peer.peer, 'left')
    case 'request-flowing':
    case 'token-generated':
    case 'request-finished':
    case 'request-failed':
      return heard
  }
}

function relayHeard(
  state: SwarmState,
  relay: string,
  { epoch, members }: Extract<DeskRequest, { type: 'relay-reported' }>,
): SwarmState {
  const { coalition } = state
  const known = coalition?.epoch === epoch ? coalition.relays.find(other => other.relay === relay) : undefined
  if (coalition === null || known === undefined) return state
  const isMember = (peer: string): boolean => known.members.some(member => member.peer === peer)
  const traffic = Object.fromEntries(
    members
      .filter(({ peer }) => isMember(peer))
      .map(({ peer, forwardedBytes, refusedBytes }) => [peer, { forwardedBytes, refusedBytes }]),
  )
  const relays = coalition.relays.map(other => (other === known ? { ...known, traffic } : other))
  return { ...state, coalition: { ...coalition, relays } }
}

/** A slice that only goes to and fro, or of which the same is told again, has got no further. */
function progressed(
  peer: SwarmPeer,
  { phase, doneBytes, totalBytes }: Extract<DeskRequest, { type: 'slice-progressed' }>,
  atMs: number,
): SwarmPeer {
  const steps = loadOrder.indexOf(phase) - loadOrder.indexOf(peer.phase)
  if (steps < 0 || (steps === 0 && doneBytes <= peer.doneBytes)) return peer
  return { ...peer, phase, doneBytes, totalBytes, progressedAtMs: atMs }
}

function meetDeadlines(state: SwarmState, atMs: number): SwarmState {
  const { coalition, config } = state
  if (coalition === null || coalition.status !== 'forming') return state
  for (const { peer } of coalition.seats) {
    const known = state.peers[peer]
    if (known === undefined || known.phase === 'ready' || atMs - known.progressedAtMs <= config.loadStallMs) continue
    const seconds = Math.round(config.loadStallMs / 1000)
    const error = new ComputePoolError(
      'peer_timed_out',
      `It got no further for ${seconds} s while it was ${known.phase}.`,
      {
        remedy: 'Reload the tab and join again.',
      },
    )
    const words = `${peerInWords(state, peer)} got no further while it was ${known.phase}`
    return lose(ban(state, peer, error.toJSON()), words)
  }
  const isLoaded = coalition.seats.every(seat => state.peers[seat.peer]?.phase === 'ready')
  return isLoaded ? meetLinkDeadline(state, atMs) : state
}
