/**
 * What standing does to a placement: how much longer a ring counts for it, and who is looked at at all where there is a crowd. A weight
 * multiplies what a ring is worth; nobody is counted by heads. It knows no states and no wallets.
 */
import type { PlacementInput, PlacementPeer } from './plan-placement.ts'

type Capacity = (peer: PlacementPeer) => number

/** Candidates among whom every order is searched. */
export const exactCandidates = 8
/** Of more peers only so many are looked at: what is asked of each pair grows with the square. */
const mostCandidates = 128
/** An end that sees text and is none of those who should, where some are here. More than the tolerance of laps, or noise would decide. */
const textFactor = 1.15
/** Neighbours that are at odds: worth a ring that is planned anew, and never the only ring there is. */
const oddsFactor = 2

const penaltyOf = ({ penalty = 1 }: PlacementPeer): number => penalty

/**
 * By how much longer a ring's lap counts: the mean of its seats' penalties, so that whoever is new takes a seat from the trusted only
 * where the lap becomes that much shorter; 1 where all are alike.
 */
export function ringFactor({ peers, areAtOdds }: PlacementInput, ring: readonly PlacementPeer[]): number {
  let factor = ring.reduce((sum, peer) => sum + penaltyOf(peer), 0) / ring.length
  if (peers.some(({ mayHoldText }) => mayHoldText === true)) {
    const ends = ring.length === 1 ? ring : [ring[0]!, ring[ring.length - 1]!]
    for (const { mayHoldText } of ends) if (mayHoldText !== true) factor *= textFactor
  }
  if (areAtOdds === undefined || ring.length < 2) return factor
  for (const [index, { peer }] of ring.entries()) {
    // Of two seats the way back is between the same two.
    if (ring.length === 2 && index === 1) break
    if (areAtOdds(peer, ring[(index + 1) % ring.length]!.peer)) factor *= oddsFactor
  }
  return factor
}

/** What a layer there counts for. */
export const effortOf = (peer: PlacementPeer): number => peer.msPerLayer * penaltyOf(peer)

/** Least effort first. */
export const byEffort = (a: PlacementPeer, b: PlacementPeer): number =>
  effortOf(a) - effortOf(b) || compare(a.peer, b.peer)

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** The peers that are looked at: the roomiest, half of them from among the best standing, whom a crowd of new names cannot push out. */
export function roomiest(peers: readonly PlacementPeer[], capacity: Capacity): PlacementPeer[] {
  const sorted = byCapacity(peers, capacity)
  return halfAndHalf(sorted, byPenalty(sorted), mostCandidates)
}

/** Beyond eight: those that make the fewest seats possible; of the rest half by effort, half by standing and then by effort. */
export function preselect(peers: readonly PlacementPeer[], size: number, capacity: Capacity): PlacementPeer[] {
  const sorted = byCapacity(peers, capacity)
  const rest = sorted.slice(size).sort(byEffort)
  const more = Math.max(0, exactCandidates - size)
  return [...sorted.slice(0, size), ...halfAndHalf(rest, byPenalty(rest), more)]
}

const byPenalty = (peers: readonly PlacementPeer[]): PlacementPeer[] =>
  [...peers].sort((a, b) => penaltyOf(a) - penaltyOf(b))

/** The same as the first `count` of `first` where nobody's standing differs. */
function halfAndHalf(
  first: readonly PlacementPeer[],
  second: readonly PlacementPeer[],
  count: number,
): PlacementPeer[] {
  const chosen = new Set([...first.slice(0, Math.ceil(count / 2)), ...second.slice(0, Math.floor(count / 2))])
  for (const peer of first) if (chosen.size < count) chosen.add(peer)
  return [...chosen]
}

function byCapacity(peers: readonly PlacementPeer[], capacity: Capacity): PlacementPeer[] {
  return [...peers].sort((a, b) => capacity(b) - capacity(a) || penaltyOf(a) - penaltyOf(b) || compare(a.peer, b.peer))
}
