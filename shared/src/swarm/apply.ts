/**
 * The only writer of a swarm's state: one event in, the next state out. What an old epoch's tab says is dropped here. It decides
 * nothing (that is `plan`) and performs nothing.
 */
import { ComputePoolError, type ErrorData, isErrorCode } from '../errors/index.ts'
import { tilesModel } from '../model/index.ts'
import type { DeskRequest } from '../wire/control-messages.ts'
import type { SwarmEvent } from './swarm-events.ts'
import {
  type Coalition,
  isLinkOpen,
  type LinkReport,
  neededLinks,
  pairKey,
  type SwarmPeer,
  type SwarmState,
} from './swarm-state.ts'

/** Bans are kept after a tab left, so they need a cap of their own. */
const mostBans = 1000
/** A pair that could not link is planned around, as if it were this far apart. */
const unreachableRttMs = 60_000

const shortPeer = (peer: string): string => `${peer.slice(0, 6)}…${peer.slice(-8)}`
export const peerInWords = (peer: string): string => `tab ${shortPeer(peer)}`

/** The state after `event`; the same state and event always give the same answer. */
export function apply(state: SwarmState, event: SwarmEvent): SwarmState {
  switch (event.type) {
    case 'peer-connected':
      return withPeer(loseSeat(state, event.peer, 'connected anew'), newPeer(event.peer, event.atMs))
    case 'peer-said': {
      const peer = state.peers[event.peer]
      return peer === undefined ? state : hear(state, { ...peer, heardAtMs: event.atMs }, event.request, event.atMs)
    }
    case 'peer-gone': {
      if (state.peers[event.peer] === undefined) return state
      const { [event.peer]: _gone, ...peers } = state.peers
      return { ...loseSeat(state, event.peer, event.reason), peers }
    }
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
    case 'slice-released':
      return changePeer(state, event.peer, { isHolding: false, phase: 'measured', kvBudgetBytes: null })
  }
}

const newPeer = (peer: string, atMs: number): SwarmPeer => ({
  peer,
  version: null,
  phase: 'joined',
  capability: null,
  doneBytes: 0,
  totalBytes: 0,
  kvBudgetBytes: null,
  maxContext: null,
  isHolding: false,
  isRefused: false,
  heardAtMs: atMs,
  stats: null,
})

const withPeer = (state: SwarmState, peer: SwarmPeer): SwarmState => ({
  ...state,
  peers: { ...state.peers, [peer.peer]: peer },
})

function changePeer(state: SwarmState, peer: string, change: Partial<SwarmPeer>): SwarmState {
  const known = state.peers[peer]
  return known === undefined ? state : withPeer(state, { ...known, ...change })
}

function formed(state: SwarmState, event: Extract<SwarmEvent, { type: 'coalition-formed' }>): SwarmState {
  const { id, epoch, seats, atMs } = event
  const peers = { ...state.peers }
  for (const { peer } of seats) {
    const known = peers[peer]
    if (known === undefined) continue
    const fresh = { doneBytes: 0, totalBytes: 0, kvBudgetBytes: null, maxContext: null, heardAtMs: atMs }
    peers[peer] = { ...known, ...fresh, phase: 'assigned', isHolding: true }
  }
  const coalition: Coalition = { id, epoch, seats, status: 'forming', reports: {}, sinceMs: atMs, lostBy: null }
  const next = { ...state, peers, coalition, nextEpoch: epoch + 1 }
  const missing = seats.find(seat => peers[seat.peer] === undefined)
  return missing === undefined ? next : loseSeat(next, missing.peer, 'left')
}

function hear(state: SwarmState, peer: SwarmPeer, request: DeskRequest, atMs: number): SwarmState {
  const heard = withPeer(state, peer)
  const { coalition } = state
  const isCurrent = (epoch: number): boolean =>
    coalition?.epoch === epoch && coalition.status !== 'lost' && coalition.seats.some(seat => seat.peer === peer.peer)
  switch (request.type) {
    case 'peer-joined':
      return withPeer(heard, { ...peer, version: request.version })
    case 'capability-reported': {
      if (request.model !== state.config.model) return heard
      const phase = peer.phase === 'joined' || peer.phase === 'offered' ? 'measured' : peer.phase
      return withPeer(heard, { ...peer, phase, capability: request.capability })
    }
    case 'slice-progressed': {
      if (!isCurrent(request.epoch) || peer.phase === 'ready') return heard
      const { phase, doneBytes, totalBytes } = request
      return withPeer(heard, { ...peer, phase, doneBytes, totalBytes })
    }
    case 'slice-ready': {
      if (!isCurrent(request.epoch)) return heard
      const { kvBudgetBytes, maxContext } = request
      const judged = judge(withPeer(heard, { ...peer, phase: 'ready', kvBudgetBytes, maxContext }), atMs)
      // The links' deadline starts when the last slice is ready.
      return { ...judged, coalition: { ...judged.coalition!, sinceMs: atMs } }
    }
    case 'slice-refused': {
      if (!isCurrent(request.epoch)) return heard
      const banned = ban(heard, peer.peer, refusalOf(request.error))
      return lose(banned, `${peerInWords(peer.peer)} refused its slice: ${request.error.message}`)
    }
    case 'links-reported':
      return isCurrent(request.epoch) ? judge(linksHeard(heard, peer.peer, request.links), atMs) : heard
    case 'stats-reported': {
      const { stepMs, weightsBytes, kvBytes, tokensServed, isHidden } = request
      return withPeer(heard, { ...peer, stats: { stepMs, weightsBytes, kvBytes, tokensServed, isHidden } })
    }
    case 'peer-leaving': {
      const { [peer.peer]: _left, ...peers } = state.peers
      return { ...loseSeat(state, peer.peer, 'left'), peers }
    }
    case 'peer-draining':
    case 'relay-reported':
    case 'request-flowing':
    case 'token-generated':
    case 'request-finished':
    case 'request-failed':
      return heard
  }
}

function linksHeard(state: SwarmState, from: string, links: ReadonlyArray<LinkReport & { peer: string }>): SwarmState {
  const coalition = state.coalition!
  const rttMs = { ...state.rttMs }
  const reports: Record<string, LinkReport> = { ...coalition.reports[from] }
  for (const { peer, kind, isOpen, rttMs: measured } of links) {
    if (peer === from || !coalition.seats.some(seat => seat.peer === peer)) continue
    reports[peer] = { kind, isOpen, rttMs: measured }
    if (measured !== null && isOpen) rttMs[pairKey(from, peer)] = measured
  }
  return { ...state, rttMs, coalition: { ...coalition, reports: { ...coalition.reports, [from]: reports } } }
}

/** Ready where the slices tile the model, every seat said so, and every needed link was reported open by both ends. */
function judge(state: SwarmState, atMs: number): SwarmState {
  const coalition = state.coalition!
  const tiles = tilesModel(
    coalition.seats.map(seat => seat.layers),
    state.config.placement.layers,
  )
  const isLoaded = coalition.seats.every(seat => state.peers[seat.peer]?.phase === 'ready')
  const isLinked = neededLinks(coalition.seats).every(([a, b]) => isLinkOpen(coalition, a, b))
  const status = tiles && isLoaded && isLinked ? 'ready' : 'forming'
  // It starts anew when an open link closes.
  const sinceMs = status === coalition.status ? coalition.sinceMs : atMs
  return { ...state, coalition: { ...coalition, status, sinceMs } }
}

function loseSeat(state: SwarmState, peer: string, reason: string): SwarmState {
  const seat = state.coalition?.seats.find(seat => seat.peer === peer)
  if (seat === undefined) return state
  const { start, end } = seat.layers
  return lose(state, `${peerInWords(peer)}, which held layers ${start} to ${end - 1}, was lost: ${reason}`)
}

function lose(state: SwarmState, message: string): SwarmState {
  if (state.coalition === null || state.coalition.status === 'lost') return state
  const lostBy = new ComputePoolError('swarm_coalition_lost', `The answer was cut short: ${message}.`, {
    remedy: 'Send the request again; the remaining tabs are being re-planned.',
    context: { epoch: state.coalition.epoch, retryAfterSeconds: 5 },
  }).toJSON()
  return { ...state, coalition: { ...state.coalition, status: 'lost', lostBy } }
}

/** A code that this table does not have (a newer tab's) still bans, as the engine's failure. */
function refusalOf(error: Extract<DeskRequest, { type: 'slice-refused' }>['error']): ErrorData {
  return { ...error, code: isErrorCode(error.code) ? error.code : 'engine_failed' }
}

function ban(state: SwarmState, peer: string, error: ErrorData): SwarmState {
  const kept = Object.entries(state.bans).slice(-(mostBans - 1))
  return { ...state, bans: { ...Object.fromEntries(kept), [peer]: error } }
}

function meetDeadlines(state: SwarmState, atMs: number): SwarmState {
  const { coalition, config } = state
  if (coalition === null || coalition.status !== 'forming') return state
  for (const { peer } of coalition.seats) {
    const known = state.peers[peer]
    if (known === undefined || known.phase === 'ready' || atMs - known.heardAtMs <= config.loadStallMs) continue
    const seconds = Math.round(config.loadStallMs / 1000)
    const error = new ComputePoolError(
      'peer_timed_out',
      `It said nothing for ${seconds} s while it was ${known.phase}.`,
      {
        remedy: 'Reload the tab and join again.',
      },
    )
    return lose(ban(state, peer, error.toJSON()), `${peerInWords(peer)} stopped answering while it was ${known.phase}`)
  }
  const isLoaded = coalition.seats.every(seat => state.peers[seat.peer]?.phase === 'ready')
  if (!isLoaded || atMs - coalition.sinceMs <= config.linkStallMs) return state
  const closed = neededLinks(coalition.seats).find(([a, b]) => !isLinkOpen(coalition, a, b))
  if (closed === undefined) return state
  const rttMs = { ...state.rttMs, [pairKey(closed[0], closed[1])]: unreachableRttMs }
  return lose({ ...state, rttMs }, `${peerInWords(closed[0])} and ${peerInWords(closed[1])} could not reach each other`)
}
