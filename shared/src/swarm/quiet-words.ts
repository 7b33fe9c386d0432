/**
 * What peers say every second beside rings that stand: kept at once, acted upon when time next passes, so that nobody can have
 * everything searched anew as often as he speaks. It writes state only.
 */
import type { DeskRequest } from '../wire/control-messages.ts'
import { livingCoalitions } from './coalitions.ts'
import type { SwarmPeer, SwarmState } from './swarm-state.ts'

/** Told over and over; only what they do to a coalition hurries. */
const chatter: readonly DeskRequest['type'][] = [
  'stats-reported',
  'links-reported',
  'relay-reported',
  'slice-progressed',
]
/** A page has to stay in view, or out of it, for so long before its peer is taken for another machine. */
const turnedForMs = 3000

/** The state after `request` changed `heard` into `next`, and whether that can wait. */
export function looked(heard: SwarmState, next: SwarmState, request: DeskRequest): SwarmState {
  const isQuiet = next === heard || chatter.includes(request.type)
  const isCalm = livingCoalitions(heard).length > 0 && isQuiet && haveSameStatus(heard, next)
  return { ...next, isLookDue: isCalm }
}

function haveSameStatus(before: SwarmState, after: SwarmState): boolean {
  if (before.coalitions === after.coalitions) return true
  return (
    before.coalitions.length === after.coalitions.length &&
    before.coalitions.every(({ status }, index) => status === after.coalitions[index]!.status)
  )
}

/** With what it said last, and since when that is not what placement takes. Its first word is believed at once. */
export function withView(peer: SwarmPeer, isHidden: boolean, atMs: number): SwarmPeer {
  if (peer.stats === null || isHidden === peer.isHidden) return { ...peer, isHidden, turnedAtMs: null }
  return { ...peer, turnedAtMs: peer.turnedAtMs ?? atMs }
}

/** Views that have lasted are what placement takes from now on. */
export function settleViews(state: SwarmState, atMs: number): SwarmState {
  const turned = Object.values(state.peers).filter(
    ({ turnedAtMs }) => turnedAtMs !== null && atMs - turnedAtMs >= turnedForMs,
  )
  if (turned.length === 0) return state
  const peers = { ...state.peers }
  for (const peer of turned) peers[peer.peer] = { ...peer, isHidden: !peer.isHidden, turnedAtMs: null }
  return { ...state, peers }
}
