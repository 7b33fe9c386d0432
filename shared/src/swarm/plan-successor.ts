/**
 * Whether a ring that serves would be faster with other seats: because one turned slow, or somebody faster waits. Speeds are those
 * learned at work. It reads the state and writes nothing.
 */
import type { Seat } from '../wire/control-messages.ts'
import { isRingDraining, neededLinks } from './coalition-links.ts'
import { livingCoalitions } from './coalitions.ts'
import { seatsOf } from './form-act.ts'
import { freePeers, placementInput, remembered, stepsBeside } from './place-swarm.ts'
import { asPlaced, hasFailedLink, type Placed } from './placed-ring.ts'
import { byEffort, ringFactor } from './placement-standing.ts'
import { lapMs, offersOf, type PlacedSeat, type PlacementInput, planPlacement } from './plan-placement.ts'
import type { SwarmAct } from './swarm-events.ts'
import { type Coalition, pairKey, type SwarmPeer, type SwarmState } from './swarm-state.ts'
import { byStanding } from './weights.ts'

/** A lap that is so much longer or shorter than it was planned shows that the plan was made of wrong figures. */
const drift = 0.25
/** The new lap's share of the present one that is worth a change: less where the plan was right. */
const worthAfterDrift = 0.9
const worth = 0.8
/** Of plans so much apart the one that moves fewer layers is the better one. */
const asGood = 1.1
/** Waiting peers that are tried in each seat. */
const mostTried = 8
/** Of a crowd that waits, so many are looked at. */
const mostIdle = 16

/** The first ring that should change, and how; null: none. */
export function planSuccessor(state: SwarmState): Extract<SwarmAct, { type: 'choose-successor' }> | null {
  const living = livingCoalitions(state)
  // One after the other: two that drain at once could leave nobody who serves.
  if (living.some(({ successor }) => successor !== null)) return null
  for (const coalition of living) {
    if (
      coalition.status !== 'ready' ||
      state.nowMs - coalition.sinceMs < state.config.replanMs ||
      isRingDraining(state, coalition)
    )
      continue
    const better = betterRing(state, coalition)
    if (better !== null) return { type: 'choose-successor', epoch: coalition.epoch, seats: seatsOf(better.seats) }
  }
  return null
}

/** Time of one lap of `coalition` in ms, by what is known now; null where a seat is not here. */
export function expectedLapMs(state: SwarmState, coalition: Coalition): number | null {
  const peers = coalition.seats.flatMap(({ peer }) => state.peers[peer] ?? [])
  if (peers.length < coalition.seats.length || peers.some(({ capability }) => capability === null)) return null
  return lapMs(placementInput(state, peers), coalition.seats)
}

function betterRing(state: SwarmState, coalition: Coalition): Placed | null {
  const own = coalition.seats.flatMap(({ peer }) => state.peers[peer] ?? [])
  const peers = [...own, ...candidates(state, coalition)]
  const now = expectedLapMs(state, coalition)
  if (now === null) return null
  // The lap in steps of a quarter: round trips that dither are no reason to search.
  const inSteps = Math.round(Math.log(now) / Math.log(1 + drift))
  const question = { name: `better ${coalition.epoch}`, peers, others: [inSteps, measuredPairs(state, peers)] }
  return remembered(state, question, () => searchBetter(state, coalition, peers, now), true)
}

/** Its own standbys, whose links are measured, and the first of those that stand by for nobody. */
function candidates(state: SwarmState, { standbys }: Coalition): SwarmPeer[] {
  const isOwn = (peer: string): boolean => standbys.some(standby => standby.peer === peer)
  const isBusy = new Set(livingCoalitions(state).flatMap(ring => ring.standbys.map(({ peer }) => peer)))
  const free = freePeers(state)
  const idle = byStanding(
    state,
    free.filter(({ peer }) => !isBusy.has(peer)),
  ).slice(0, mostIdle)
  return [...free.filter(({ peer }) => isOwn(peer)), ...idle]
}

const measuredPairs = (state: SwarmState, peers: readonly SwarmPeer[]): number =>
  peers.reduce((sum, { peer }, index) => {
    const isMeasured = (other: SwarmPeer): boolean => state.measures[pairKey(peer, other.peer)] !== undefined
    return sum + peers.slice(index + 1).filter(isMeasured).length
  }, 0)

function searchBetter(
  state: SwarmState,
  coalition: Coalition,
  peers: readonly SwarmPeer[],
  now: number,
): Placed | null {
  const input = withCautiousLinks(state, placementInput(state, peers), coalition.seats)
  const hasDrifted = Math.abs(now / coalition.lapMs - 1) > drift
  const nowCost = now * ringFactor(input, offersOf(input, coalition.seats))
  const limit = nowCost * (hasDrifted ? worthAfterDrift : worth)
  const fresh = planPlacement({ ...input, mostSteps: stepsBeside })
  const swap = bestSwap(input, coalition.seats)
  const freshMs = fresh.kind === 'placed' ? fresh.costMs : Number.POSITIVE_INFINITY
  const best = swap !== null && swap.costMs <= freshMs * asGood ? swap : fresh.kind === 'placed' ? fresh : null
  if (best === null || best.costMs >= limit || hasFailedLink(state, best.seats)) return null
  return best
}

/** A link that nobody measured is taken for no better than the ring's worst: a guess is no reason to change. */
function withCautiousLinks(state: SwarmState, input: PlacementInput, seats: readonly Seat[]): PlacementInput {
  const worst = Math.max(0, ...neededLinks(seats).map(([a, b]) => input.linkMs(a, b)))
  const linkMs = (a: string, b: string): number => {
    const isMeasured = state.measures[pairKey(a, b)] !== undefined
    return isMeasured ? input.linkMs(a, b) : Math.max(worst, input.linkMs(a, b))
  }
  return { ...input, linkMs }
}

/** The ring with one seat given to somebody who waits. */
function bestSwap(input: PlacementInput, seats: readonly PlacedSeat[]): Placed | null {
  const waiting = input.peers
    .filter(({ peer }) => !seats.some(seat => seat.peer === peer))
    .sort(byEffort)
    .slice(0, mostTried)
  let best: Placed | null = null
  for (const { peer } of waiting) {
    for (const [index, { layers }] of seats.entries()) {
      const placed = asPlaced(input, seats.toSpliced(index, 1, { peer, layers }))
      if (placed !== null && (best === null || placed.costMs < best.costMs)) best = placed
    }
  }
  return best
}
