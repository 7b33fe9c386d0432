/**
 * Whether another ring is formed now: the first, one that takes a lost ring's place, or one more beside those that serve. It reads the
 * state and writes nothing.
 */
import { isRingDraining, neededLinks } from './coalition-links.ts'
import { isSameRange, livingCoalitions } from './coalitions.ts'
import { seatsOf } from './form-act.ts'
import { freePeers, placeSwarm } from './place-swarm.ts'
import { countHeld, type Placed } from './placed-ring.ts'
import { areHoldersAwaited, isSeatAwaited } from './returning.ts'
import { pickSeats, unusableMs } from './stand-by.ts'
import { planLinks } from './swarm-links.ts'
import type { Coalition, SwarmState } from './swarm-state.ts'

/** Beside a ring that serves, peers that could not link are tried again after so long. */
const retryMs = 300_000

/** The ring that is to be formed; null: none now. */
export function planRing(state: SwarmState): Placed | null {
  const living = livingCoalitions(state)
  if (living.length > 0 && !mayAdd(state, living)) return null
  const placement = placeSwarm(state)
  if (placement.kind !== 'placed') return null
  const isHeld = countHeld(state, placement.seats) === placement.seats.length
  const isForming = living.some(({ status }) => status === 'forming')
  // A ring that was drained for this one serves no more: whatever else loads, that is not waited for.
  const isAtOnce = isHeld || !isForming || placement.seats === state.wanted
  const isReplacing = keepsPart(state, placement) && isAtOnce
  if (living.length > 0 && !isReplacing && !isGrowth(state, living, placement)) return null
  if (living.some(({ status }) => status === 'ready') && isUnlinked(state, placement)) return null
  if (isHeld) return placement
  if (living.length === 0 && areHoldersAwaited(state)) return null
  return movesSomebody(state, placement) && isSeatAwaited(state, state.config.returnGraceMs / 2) ? null : placement
}

/** Looked at before anything is searched: somebody is left of a lost ring, or there are enough for one more ring and its neighbours' standbys. */
function mayAdd(state: SwarmState, living: readonly Coalition[]): boolean {
  if (living.length >= state.config.maxRings) return false
  const free = freePeers(state)
  const isFree = (peer: string): boolean => free.some(other => other.peer === peer)
  if (state.previous.some(seats => seats.some(({ peer }) => isFree(peer)))) return true
  return areAllServing(state, living) && free.length >= Math.max(1, state.config.minSeats) + living.length
}

const areAllServing = (state: SwarmState, living: readonly Coalition[]): boolean =>
  living.every(coalition => coalition.status === 'ready' && !isRingDraining(state, coalition))

/**
 * True where two neighbours have no way that was not tried in vain of late. With nothing to lose it is tried again at once; beside a ring
 * that serves it would take that ring's standbys, for ever.
 */
function isUnlinked(state: SwarmState, { seats }: Placed): boolean {
  const { nowMs, unlinkedAtMs } = state
  if (unlinkedAtMs !== null && nowMs - unlinkedAtMs >= retryMs) return false
  const { hopMs } = planLinks(state)
  return neededLinks(seatsOf(seats)).some(([from, to]) => hopMs(from, to) >= unusableMs)
}

/** True where it takes the place of a lost ring, and somebody of that stays on the same layers. */
function keepsPart(state: SwarmState, { seats }: Placed): boolean {
  return state.previous.some(
    previous =>
      previous.length === seats.length &&
      seats.every(({ layers }, index) => isSameRange(layers, previous[index]!.layers)) &&
      seats.some(({ peer }, index) => previous[index]!.peer === peer),
  )
}

/** One more ring, where all others serve and each of them keeps somebody to stand by. */
function isGrowth(state: SwarmState, living: readonly Coalition[], { seats }: Placed): boolean {
  if (!areAllServing(state, living)) return false
  const left = freePeers(state).filter(({ peer }) => !seats.some(seat => seat.peer === peer))
  const { pick } = pickSeats(state)
  const unserved = [...living]
  for (const peer of left) {
    const index = unserved.findIndex(coalition => pick(coalition, peer, []) !== null)
    if (index >= 0) unserved.splice(index, 1)
  }
  return unserved.length === 0
}

/** True where somebody who is left of a lost ring would get other layers: that waits a little for those that vanished. */
const movesSomebody = (state: SwarmState, { seats }: Placed): boolean =>
  state.previous.some(previous =>
    previous.some(({ peer, layers }) => {
      const next = seats.find(seat => seat.peer === peer)
      return next !== undefined && !isSameRange(next.layers, layers)
    }),
  )
