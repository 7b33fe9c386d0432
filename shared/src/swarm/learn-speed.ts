/**
 * How fast a peer is at work, which joining measured on an idle machine: what its steps took, smoothed, apart for a page in view and
 * a hidden one. Placement takes these figures where there are any.
 */
import { layerCount } from '../model/index.ts'
import { livingCoalitions } from './coalitions.ts'
import type { LearnedSpeed, PeerStats, SwarmPeer, SwarmState } from './swarm-state.ts'

/** Weight of one report; they come every second. */
const smoothing = 0.1
/** A hidden tab that was not measured so runs two to three times slower: its browser takes from it what others need. */
const hiddenFactor = 2.5
/** Figures are told in steps of this factor: smaller changes are noise, and would have every placement searched anew. */
const step = 1.1

/** What `peer` is known to take for a layer after this report; only work teaches. */
export function learnSpeed(state: SwarmState, peer: SwarmPeer, stats: PeerStats): LearnedSpeed {
  const seat = livingCoalitions(state)
    .flatMap(({ seats }) => seats)
    .find(seat => seat.peer === peer.peer)
  const hasWorked = stats.tokensServed > (peer.stats?.tokensServed ?? 0)
  if (seat === undefined || !hasWorked || stats.stepMs === null || stats.stepMs <= 0) return peer.speed
  const layerMs = stats.stepMs / layerCount(seat.layers)
  const smooth = (before: number | null): number =>
    before === null ? layerMs : before + (layerMs - before) * smoothing
  return stats.isHidden
    ? { ...peer.speed, hiddenMs: smooth(peer.speed.hiddenMs) }
    : { ...peer.speed, visibleMs: smooth(peer.speed.visibleMs) }
}

/** The middle ratio of what was measured at work to what was measured at joining; 1 where nobody has worked. */
export function workFactor(peers: readonly SwarmPeer[]): number {
  const ratios = peers
    .flatMap(({ speed, capability }) =>
      speed.visibleMs === null || capability === null ? [] : [speed.visibleMs / capability.msPerLayer],
    )
    .sort((a, b) => a - b)
  return ratios[(ratios.length - 1) >> 1] ?? 1
}

/**
 * Milliseconds that a layer takes on `peer` now. One that has not worked is taken to differ from its joining measure as those do that
 * have (`factor`): long prompts and full caches slow all alike.
 */
export function expectedLayerMs({ speed, capability, isHidden }: SwarmPeer, factor: number): number {
  const visible = speed.visibleMs ?? capability!.msPerLayer * factor
  return inSteps(isHidden ? (speed.hiddenMs ?? visible * hiddenFactor) : visible, capability!.msPerLayer)
}

/** `ms`, in whole steps away from the measure at joining. */
function inSteps(ms: number, joiningMs: number): number {
  return joiningMs * step ** Math.round(Math.log(ms / joiningMs) / Math.log(step))
}
