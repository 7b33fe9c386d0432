/** The swarm as anybody may see it: seats, their state, and one sentence that says what happens next. It knows no requests. */

import { explainWaits } from './bans.ts'
import { isRingDraining, leavingPeer } from './coalition-links.ts'
import { livingCoalitions, mainCoalition, seatedPeers } from './coalitions.ts'
import { explainSeats, isSeatJudged } from './explain-seat.ts'
import { peerInWords, peersInWords } from './peer-words.ts'
import { placeSwarm } from './place-swarm.ts'
import { expectedLapMs } from './plan-successor.ts'
import type { PoolSnapshot } from './pool-snapshot.ts'
import { isSeatAwaited } from './returning.ts'
import { isWelcome, openRelays } from './swarm-links.ts'
import type { Coalition, SwarmPeer, SwarmState } from './swarm-state.ts'
import { explainBarred } from './weights.ts'

/** Relays without work that are shown: enough to see that there are some. */
const mostIdleRelays = 8

export type PoolView = Pick<
  PoolSnapshot,
  'model' | 'layers' | 'context' | 'status' | 'explanation' | 'seats' | 'relays' | 'waitingPeers' | 'rings'
>

/** What is public of `state`. */
export function viewPool(state: SwarmState): PoolView {
  const coalition = shownCoalition(state)
  const rings = livingCoalitions(state).map(ring => viewRing(state, ring))
  const seated = seatedPeers(state)
  const waiting = welcome(state).filter(({ peer }) => !seated.has(peer)).length
  return {
    model: state.config.model,
    layers: state.config.placement.layers,
    context: contextOf(state),
    status: poolStatus(state),
    explanation: `${explain(state, coalition)}${explainBans(state)}${explainWaits(state)}${explainBarred(state)}`,
    seats: rings.find(({ id }) => id === coalition?.id)?.seats ?? [],
    relays: viewRelays(state, coalition),
    waitingPeers: waiting,
    rings,
  }
}

/** `ready` where some ring takes requests. */
export function poolStatus(state: SwarmState): PoolSnapshot['status'] {
  const living = livingCoalitions(state)
  return living.length === 0 ? 'waiting' : living.some(ring => isServing(state, ring)) ? 'ready' : 'forming'
}

/** The ring that pages draw: the first that serves, else the first. */
export const shownCoalition = (state: SwarmState): Coalition | null =>
  livingCoalitions(state).find(ring => isServing(state, ring)) ?? mainCoalition(state)

/** A ring that drains takes no new request: it is whole, but does not serve. */
const isServing = (state: SwarmState, ring: Coalition): boolean =>
  ring.status === 'ready' && !isRingDraining(state, ring)

function viewRing(state: SwarmState, ring: Coalition): NonNullable<PoolSnapshot['rings']>[number] {
  return {
    id: ring.id,
    status: ring.status !== 'ready' ? 'forming' : isServing(state, ring) ? 'ready' : 'draining',
    seats: viewSeats(state, ring),
    standbys: ring.standbys.map(({ peer, seat, layers }) => ({
      peer,
      seat,
      layers,
      isReady: state.peers[peer]?.phase === 'ready',
    })),
    plannedLapMs: ring.lapMs,
    expectedLapMs: expectedLapMs(state, ring),
  }
}

/** Positions that a request may reach now: on the ring that serves which takes the longest, else what the pool aims for. */
export function contextOf(state: SwarmState): number {
  const { maxContext } = state.config
  const rings = livingCoalitions(state).filter(ring => isServing(state, ring))
  if (rings.length === 0) return maxContext
  const leastOf = ({ seats }: Coalition): number =>
    Math.min(maxContext, ...seats.flatMap(({ peer }) => state.peers[peer]?.maxContext ?? []))
  return Math.max(...rings.map(leastOf))
}

const phaseWords = {
  joined: 'assigned',
  offered: 'assigned',
  measured: 'assigned',
  assigned: 'assigned',
  downloading: 'downloading',
  loading: 'loading',
  testing: 'testing',
  ready: 'ready',
} as const

function viewSeats(state: SwarmState, coalition: Coalition): PoolSnapshot['seats'] {
  const reasons = explainSeats(state, coalition)
  return coalition.seats.map((seat, index) => ({
    ...viewSeat(state, coalition, index),
    reason: reasons[index]!,
    ...(isSeatJudged(state, seat) ? {} : { isJudged: false as const }),
  }))
}

function viewSeat(state: SwarmState, coalition: Coalition, index: number): PoolSnapshot['seats'][number] {
  const { seat, peer, layers } = coalition.seats[index]!
  const next = coalition.seats[(index + 1) % coalition.seats.length]!.peer
  const link = coalition.reports[peer]?.[next]
  const known: SwarmPeer | undefined = state.peers[peer]
  const isDownloading = known?.phase === 'downloading' && known.totalBytes > 0
  return {
    seat,
    peer,
    layers,
    engine: known?.capability?.engine ?? 'wasm',
    device: known?.capability?.device ?? '',
    status: known === undefined ? 'lost' : known.draining === 'no' ? phaseWords[known.phase] : 'draining',
    progress: isDownloading ? Math.min(1, known.doneBytes / known.totalBytes) : null,
    msPerLayer: known?.capability?.msPerLayer ?? 0,
    computeMs: known?.stats?.stepMs ?? null,
    linkRttMs: link?.rttMs ?? null,
    linkKind: link?.kind ?? null,
    linkBytesPerSecond: link?.bytesPerSecond ?? null,
  }
}

/** Relays that work, then those that are open. */
function viewRelays(state: SwarmState, coalition: Coalition | null): PoolSnapshot['relays'] {
  const working = (coalition?.relays ?? []).map(({ relay, members, traffic }) => ({
    peer: relay,
    members: members.map(({ peer }) => ({
      peer,
      forwardedBytes: traffic[peer]?.forwardedBytes ?? null,
      refusedBytes: traffic[peer]?.refusedBytes ?? null,
    })),
  }))
  const busy = new Set(livingCoalitions(state).flatMap(({ relays }) => relays.map(({ relay }) => relay)))
  const idle = openRelays(state)
    .filter(({ peer }) => !busy.has(peer))
    .slice(0, mostIdleRelays)
  return [...working, ...idle.map(({ peer }) => ({ peer, members: [] }))]
}

function explain(state: SwarmState, coalition: Coalition | null): string {
  if (coalition === null) return explainWaiting(state)
  const count = coalition.seats.length
  const seated = coalition.seats.flatMap(seat => state.peers[seat.peer] ?? [])
  const noun = peersInWords(seated, count)
  if (isRingDraining(state, coalition)) return explainDraining(state, coalition)
  if (coalition.status === 'ready') {
    return count === 1
      ? `Ready: one ${noun} holds the whole model.`
      : `Ready: ${count} ${noun} hold the model's ${state.config.placement.layers} layers.`
  }
  const loaded = coalition.seats.filter(seat => state.peers[seat.peer]?.phase === 'ready').length
  if (loaded < count) return `Forming: ${loaded} of ${count} ${noun} have loaded their layers.`
  return `Forming: all layers are loaded; the ${noun} are opening their links.`
}

function explainDraining(state: SwarmState, coalition: Coalition): string {
  const leaving = leavingPeer(state, coalition)
  if (leaving === null) return 'Draining: a faster ring is loaded. What runs is finished, then it takes over.'
  const who = peerInWords(state, leaving)
  // Whether others suffice is not searched for words' sake.
  return `Draining: ${who} wants to leave. What runs is finished, then the model is placed anew without it.`
}

function explainWaiting(state: SwarmState): string {
  const placement = placeSwarm(state)
  if (placement.kind === 'placed') return 'Placing the model.'
  if (isSeatAwaited(state)) {
    const { peer } = state.vanished.at(-1)!
    return `${capitalised(peerInWords(state, peer))} lost its connection, and has a few seconds to come back.`
  }
  const here = welcome(state)
  const measuring = here.filter(peer => peer.capability === null).length
  if (measuring === 0) return placement.explanation
  const missing = Math.min(state.config.minSeats, state.config.placement.layers) - here.length
  const next = missing > 0 ? `; open ${missing === 1 ? 'one more' : `${missing} more`}` : ''
  return `${measuring === 1 ? `1 ${peersInWords(here, 1)} is measuring what it` : `${measuring} ${peersInWords(here, measuring)} are measuring what they`} can do${next}.`
}

/** Who is here and may hold a slice, or will when it has introduced itself. */
function welcome(state: SwarmState): SwarmPeer[] {
  return Object.values(state.peers).filter(
    peer => peer.role === 'operator' && peer.draining === 'no' && isWelcome(state, peer),
  )
}

/** The last three of those that are still here: the page shows them, the tab itself has the whole text. */
function explainBans(state: SwarmState): string {
  const here = Object.entries(state.bans).filter(([peer]) => state.peers[peer] !== undefined)
  return here
    .slice(-3)
    .map(([peer, error]) => ` ${capitalised(peerInWords(state, peer))} is left out: ${error.message}`)
    .join('')
}

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
