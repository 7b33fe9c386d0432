/**
 * Peers that vanish and come back: how long they are waited for, and that they get back what they hold. A page that reloads, a network
 * that changes, a hub or an orchestrator that starts anew all look the same from here. It writes state only.
 */
import { ComputePoolError, type ErrorData } from '../errors/index.ts'
import type { LayerRange } from '../model/index.ts'
import type { DeskRequest } from '../wire/control-messages.ts'
import { ban } from './bans.ts'
import { isSameRange, livingCoalitions, withCoalition } from './coalitions.ts'
import { lose } from './lose-coalition.ts'
import { peerInWords } from './peer-words.ts'
import { isPlaceable } from './swarm-links.ts'
import type { SwarmPeer, SwarmState, Vanished } from './swarm-state.ts'

const mostVanished = 64
/** So long after it vanished a peer gets its seat back from one that has not loaded yet. */
const rememberedMs = 60_000

/** Remembers the seat of a peer whose connection ended without a word. */
export function noteVanished(state: SwarmState, peer: string, atMs: number): SwarmState {
  const coalition = livingCoalitions(state).find(({ seats }) => seats.some(seat => seat.peer === peer))
  const seat = coalition?.seats.find(seat => seat.peer === peer)
  if (coalition === undefined || seat === undefined) return state
  const last = state.vanished.find(known => known.peer === peer && atMs - known.atMs <= rememberedMs)
  const isReturned = last?.isReturned === true && !coalition.hasServed
  // It took a seat that somebody loaded, and went again: a ring would never form.
  const judged = isReturned ? ban(state, peer, wentAgain()) : state
  const others = state.vanished.filter(known => known.peer !== peer && atMs - known.atMs <= rememberedMs)
  return { ...judged, vanished: [...others, { peer, layers: seat.layers, atMs, isReturned }].slice(-mostVanished) }
}

const wentAgain = (): ErrorData =>
  new ComputePoolError('peer_timed_out', 'It took its seat back and went again before its ring served.', {
    remedy: 'Reload the tab and join again.',
  }).toJSON()

const isAbsent = (state: SwarmState, { peer }: Vanished): boolean => state.peers[peer]?.capability == null

/** True while a seat that vanished less than `withinMs` ago is not back. */
export function isSeatAwaited(state: SwarmState, withinMs = state.config.returnGraceMs): boolean {
  return state.vanished.some(known => state.nowMs - known.atMs < withinMs && isAbsent(state, known))
}

/** True for a while from the first peer on that came with layers to a pool without a coalition: the others of its ring may follow. */
export function areHoldersAwaited({ returningSinceMs, nowMs, config }: SwarmState): boolean {
  return returningSinceMs !== null && nowMs - returningSinceMs < config.returnGraceMs
}

/** True where time alone will end a wait for peers. */
export function isReturnAwaited(state: SwarmState): boolean {
  return isSeatAwaited(state) || (state.coalitions.length === 0 && areHoldersAwaited(state))
}

/** What the peer says that it holds, where that can be. */
export function heldOf(
  state: SwarmState,
  { holding }: Extract<DeskRequest, { type: 'peer-joined' }>,
): LayerRange | null {
  const { model, placement } = state.config
  if (holding === undefined || holding.model !== model) return null
  const { start, end } = holding.layers
  return start < end && end <= placement.layers ? { start, end } : null
}

/** The first of several that come back starts the wait for the others. */
export function holderCame(state: SwarmState, atMs: number): SwarmState {
  return state.coalitions.length > 0 || state.returningSinceMs !== null ? state : { ...state, returningSinceMs: atMs }
}

/** A peer that vanished is back with its layers before the one in its seat has loaded them: it gets its seat again. */
export function reclaimSeat(state: SwarmState, peer: SwarmPeer): SwarmState {
  if (!isPlaceable(state, peer)) return state
  const isBack = ({ peer: other, layers, atMs, isReturned }: Vanished): boolean =>
    other === peer.peer && !isReturned && isSameRange(layers, peer.held) && state.nowMs - atMs <= rememberedMs
  if (!state.vanished.some(isBack)) return state
  for (const coalition of livingCoalitions(state)) {
    const place = coalition.seats.find(
      seat => isSameRange(seat.layers, peer.held) && state.peers[seat.peer]?.phase !== 'ready',
    )
    if (coalition.hasServed || place === undefined) continue
    const seats = coalition.seats.map(seat => (seat === place ? { ...seat, peer: peer.peer } : seat))
    const vanished = state.vanished.map(known => (isBack(known) ? { ...known, isReturned: true } : known))
    const handed = withCoalition({ ...state, vanished }, { ...coalition, successor: seats })
    return lose(handed, coalition.epoch, `${peerInWords(state, peer.peer)} came back with its layers`)
  }
  return state
}
