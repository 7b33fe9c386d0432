/** What a peer says, written into the state; what it says of an assignment that is not its own any more is dropped. */
import { ComputePoolError, type ErrorData } from '../errors/index.ts'
import { type LayerRange, layerCount } from '../model/index.ts'
import type { DeskRequest } from '../wire/control-messages.ts'
import { ban, refusalOf } from './bans.ts'
import { coalitionOf, isSameRange, partOf, withCoalition } from './coalitions.ts'
import { kvBudgetOf } from './form-act.ts'
import { judge, linksHeard } from './hear-links.ts'
import { learnSpeed } from './learn-speed.ts'
import { forgetSuccessors, lose } from './lose-coalition.ts'
import { peerInWords } from './peer-words.ts'
import { withView } from './quiet-words.ts'
import { heldOf, holderCame, reclaimSeat } from './returning.ts'
import { withPeer } from './swarm-peers.ts'
import type { Coalition, PeerPhase, SwarmPeer, SwarmState } from './swarm-state.ts'
import { noteClosings } from './worn-links.ts'

/** The way of a slice: what was reached once is not left again. */
const loadOrder: readonly PeerPhase[] = ['assigned', 'downloading', 'loading', 'testing', 'ready']

/** The state after `peer` said this. */
export function hearPeer(heard: SwarmState, peer: SwarmPeer, request: DeskRequest, atMs: number): SwarmState {
  switch (request.type) {
    case 'peer-joined': {
      const { version, role, reach } = request
      // Once a connection: routes were made from it.
      if (peer.version !== null) return heard
      const held = role === 'operator' ? heldOf(heard, request) : null
      const joined = withPeer(heard, { ...peer, version, role, reach, held })
      return held === null ? joined : holderCame(joined, atMs)
    }
    case 'capability-reported': {
      // Before it said what it is there was nothing to offer, and nothing to measure.
      const isAsked = peer.version !== null && peer.role === 'operator'
      if (!isAsked || request.model !== heard.config.model) return heard
      // Once a connection: a stranger whose figures never stand still would have the placement searched anew each time.
      if (peer.capability !== null) return heard
      const phase = peer.phase === 'joined' || peer.phase === 'offered' ? 'measured' : peer.phase
      const measured = { ...peer, phase, capability: request.capability }
      return reclaimSeat(withPeer(heard, measured), measured)
    }
    case 'slice-progressed':
    case 'slice-ready':
    case 'slice-refused':
    case 'links-reported':
      return hearAssigned(heard, peer, request, atMs)
    case 'stats-reported': {
      const { stepMs, weightsBytes, kvBytes, tokensServed, isHidden } = request
      const stats = { stepMs, weightsBytes, kvBytes, tokensServed, isHidden }
      return withPeer(heard, { ...withView(peer, isHidden, atMs), stats, speed: learnSpeed(heard, peer, stats) })
    }
    case 'relay-reported':
      return relayHeard(heard, peer.peer, request)
    case 'peer-draining': {
      if (peer.draining !== 'no') return heard
      return forgetSuccessors(withPeer(heard, { ...peer, draining: 'asked', askedToGoAtMs: atMs }), peer.peer)
    }
    case 'peer-leaving':
    case 'request-flowing':
    case 'token-generated':
    case 'request-receipted':
    case 'request-finished':
    case 'request-failed':
    // Checks, terms and stakes: others of the desk listen to these.
    case 'handed-over':
    case 'hand-over-refused':
    case 'check-computed':
    case 'check-reported':
    case 'evidence-judged':
    case 'slice-proved':
    case 'terms-signed':
    case 'terms-refused':
    case 'leave-signed':
      return heard
  }
}

type Assigned = Extract<DeskRequest, { type: 'slice-progressed' | 'slice-ready' | 'slice-refused' | 'links-reported' }>

function hearAssigned(heard: SwarmState, peer: SwarmPeer, request: Assigned, atMs: number): SwarmState {
  const coalition = coalitionOf(heard, request.epoch)
  const part = coalition === null || coalition.status === 'lost' ? null : partOf(coalition, peer.peer)
  if (coalition === null || part === null) return heard
  // A standby may be given others within the epoch: what it still says of those before is old.
  const isOld = 'layers' in request && request.layers !== undefined && !isSameRange(request.layers, part.layers)
  if (isOld) return heard
  switch (request.type) {
    case 'slice-progressed':
      return peer.phase === 'ready' ? heard : withPeer(heard, progressed(peer, request, atMs))
    case 'slice-ready': {
      // Said again it would put off the links' deadline.
      if (peer.phase === 'ready') return heard
      const { kvBudgetBytes, maxContext } = request
      const asked = leastRoom(heard, peer.peer, part.layers)
      if (kvBudgetBytes < asked.kvBudgetBytes || maxContext < asked.maxContext) {
        return refused(heard, peer, coalition, tooSmall({ kvBudgetBytes, maxContext }, asked))
      }
      const ready = withPeer(heard, { ...peer, phase: 'ready', kvBudgetBytes, maxContext, held: part.layers })
      // The links' deadline starts when the last slice is ready.
      return part.kind === 'seat' ? judge(ready, { ...coalition, sinceMs: atMs }, atMs) : ready
    }
    case 'slice-refused':
      return refused(heard, peer, coalition, refusalOf(request.error))
    case 'links-reported': {
      const linked = linksHeard(heard, coalition, peer.peer, request.links)
      if (part.kind === 'standby') return linked
      const noted = noteClosings(linked, coalition, atMs)
      const ring = coalitionOf(noted, coalition.epoch)!
      return ring.status === 'lost' ? noted : judge(noted, ring, atMs)
    }
  }
}

/** `peer` will not hold what it was given: a standby is left out, a ring is lost. */
function refused(state: SwarmState, { peer }: SwarmPeer, coalition: Coalition, error: ErrorData): SwarmState {
  const banned = forgetSuccessors(ban(state, peer, error), peer)
  if (partOf(coalition, peer)?.kind === 'standby') return banned
  return lose(banned, coalition.epoch, `${peerInWords(state, peer)} refused its slice: ${error.message}`)
}

interface SliceRoom {
  readonly kvBudgetBytes: number
  readonly maxContext: number
}

/** What it was asked for, or the cache of one request of full length: requests are admitted by the least of a ring's seats. */
function leastRoom(state: SwarmState, peer: string, layers: LayerRange): SliceRoom {
  const { maxContext, placement } = state.config
  const oneCache = layerCount(layers) * placement.kvBytesPerLayer
  return { kvBudgetBytes: Math.min(oneCache, kvBudgetOf(state, peer, layers)), maxContext }
}

function tooSmall(said: SliceRoom, asked: SliceRoom): ErrorData {
  const message =
    `It is ready for ${said.maxContext} positions in ${said.kvBudgetBytes} bytes; ` +
    `${asked.maxContext} in ${asked.kvBudgetBytes} are needed.`
  return new ComputePoolError('peer_message_invalid', message, { remedy: 'Reload the tab and join again.' }).toJSON()
}

function relayHeard(
  state: SwarmState,
  relay: string,
  { epoch, members }: Extract<DeskRequest, { type: 'relay-reported' }>,
): SwarmState {
  const coalition = coalitionOf(state, epoch)
  const known = coalition?.relays.find(other => other.relay === relay)
  if (coalition === null || known === undefined) return state
  const isMember = (peer: string): boolean => known.members.some(member => member.peer === peer)
  const traffic = Object.fromEntries(
    members
      .filter(({ peer }) => isMember(peer))
      .map(({ peer, forwardedBytes, refusedBytes }) => [peer, { forwardedBytes, refusedBytes }]),
  )
  const relays = coalition.relays.map(other => (other === known ? { ...known, traffic } : other))
  const next: Coalition = { ...coalition, relays }
  return withCoalition(state, next)
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
