/** Which of the open relays a coalition takes: the few that its pairs need most. It plans no paths. */
import type { Seat } from '../wire/control-messages.ts'
import { neededLinks } from './coalition-links.ts'
import { isBetween, planPaths, type ReachablePeer } from './plan-routes.ts'
import { pairKey, type SwarmState } from './swarm-state.ts'

/** Relays of one coalition: each keeps links to all it serves. */
const mostRelays = 8

interface Need {
  /** Relays that can stand between the two, and did not let them down. */
  readonly usable: ReadonlySet<string>
  /** Neighbours in the ring with no direct way come first, spares last. */
  readonly tier: number
}

/** All of `open` where the pairs of `seats` would draw eight of them at most; else those with which most pairs are served. */
export function pickRelays(
  state: SwarmState,
  seats: readonly Seat[],
  open: readonly ReachablePeer[],
): readonly ReachablePeer[] {
  if (open.length <= mostRelays) return open
  const ring = new Set(neededLinks(seats).map(([a, b]) => pairKey(a, b)))
  const drawn = new Set<string>()
  const needs: Need[] = []
  for (const [index, { peer: first }] of seats.entries()) {
    for (const { peer: second } of seats.slice(index + 1)) {
      const [a, b] = [state.peers[first]!, state.peers[second]!]
      const pair = pairKey(first, second)
      const failed = new Set(state.failedPaths[pair]?.split(' '))
      const paths = planPaths(a, b, { relays: open, failed, expect: () => ({ ms: 0, isMeasured: false }) })
      for (const path of paths) if (path.kind === 'relay') drawn.add(path.via)
      const between = open.filter(relay => isBetween(a, b, relay)).map(({ peer }) => peer)
      const untried = between.filter(relay => !failed.has(relay))
      const isDirect = paths.some(({ kind }) => kind !== 'relay')
      const tier = isDirect ? 2 : ring.has(pair) ? 0 : 1
      if (between.length > 0) needs.push({ usable: new Set(untried.length > 0 ? untried : between), tier })
    }
  }
  const picked = drawn.size <= mostRelays ? drawn : cover(needs, open)
  return open.filter(({ peer }) => picked.has(peer))
}

/** Tier after tier the relay that serves most pairs which none serves yet, and where all are served, most of them once more. */
function cover(needs: readonly Need[], open: readonly ReachablePeer[]): ReadonlySet<string> {
  const picked = new Set<string>()
  for (const spares of [0, 1]) {
    for (const tier of [0, 1, 2]) {
      while (picked.size < mostRelays) {
        const unmet = needs.filter(need => need.tier === tier && countOf(need.usable, picked) <= spares)
        const counted = open
          .filter(({ peer }) => !picked.has(peer))
          .map(({ peer }) => ({ peer, count: unmet.filter(({ usable }) => usable.has(peer)).length }))
        const best = counted.reduce((most, other) => (other.count > most.count ? other : most), { peer: '', count: 0 })
        if (best.count === 0) break
        picked.add(best.peer)
      }
    }
  }
  return picked
}

const countOf = (usable: ReadonlySet<string>, picked: ReadonlySet<string>): number =>
  [...picked].filter(relay => usable.has(relay)).length
