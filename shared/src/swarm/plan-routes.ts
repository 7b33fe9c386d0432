/**
 * The ways from one peer to another: data channels, an AXL overlay, a relay that reaches both; and what a frame costs on each. It
 * knows what peers say of their reach and what links measured, not who holds which layers.
 */
import type { LinkKind } from '../ports/index.ts'
import type { LinkPath, Reach } from '../wire/control-messages.ts'
import type { PeerId } from '../wire/peer-id.ts'

export interface ReachablePeer {
  readonly peer: PeerId
  readonly reach: Reach
}

/** What was measured of one kind of link between two peers. */
export interface LinkMeasure {
  readonly rttMs: number
  readonly bytesPerSecond: number | null
}

/** One frame's expected time on a kind of link between two peers, one way. */
export interface ExpectedHop {
  readonly ms: number
  readonly isMeasured: boolean
}

export interface RouteChoice {
  /** Open relays that take work. */
  readonly relays: readonly ReachablePeer[]
  /** Relays through which these two tried in vain to link: they come last. */
  readonly failed?: ReadonlySet<string>
  /** Between these two peers. */
  readonly expect: (kind: LinkKind) => ExpectedHop
}

/** The wire's cap. */
const mostPaths = 4
/** A second relay takes over where the first is gone; more would only keep idle links open. */
const mostRelayPaths = 2
/** Below this share of the direct path's time another path is the faster one; above it the difference is noise. */
const notablyFaster = 0.8

/**
 * One frame's time on a link, one way: half a round trip, and the frame's bytes at the measured rate. An unmeasured link takes its
 * kind's usual round trip.
 */
export function expectHop(measure: LinkMeasure | undefined, usualRttMs: number, frameBytes: number): ExpectedHop {
  if (measure === undefined) return { ms: usualRttMs / 2, isMeasured: false }
  const { rttMs, bytesPerSecond } = measure
  const onWireMs = bytesPerSecond === null || bytesPerSecond <= 0 ? 0 : (frameBytes * 1000) / bytesPerSecond
  return { ms: rttMs / 2 + onWireMs, isMeasured: true }
}

/**
 * All paths from `from` to `to`, the preferred one first; empty where there is none. Both directions take the same ways in the same
 * order. Direct WebRTC comes first unless another was measured notably faster; the others go by their expected time.
 */
export function planPaths(
  from: ReachablePeer,
  to: ReachablePeer,
  { relays, failed = new Set(), expect }: RouteChoice,
): LinkPath[] {
  const direct = directPaths(from, to)
  // Beside a direct path one relay is enough of a spare.
  const most = direct.length > 0 ? 1 : mostRelayPaths
  const relayed = relaysBetween(from, to, relays, failed)
    .slice(0, most)
    .map(relay => ({ kind: 'relay' as const, via: relay.peer, key: relayKey(from, relay)!.key }))
  return inOrder([...direct, ...relayed], expect).slice(0, mostPaths)
}

/** The kind of the first of `planPaths`, without a draw of relays: what a hop costs is asked of every pair. */
export function preferredKind(
  from: ReachablePeer,
  to: ReachablePeer,
  { relays, expect }: Pick<RouteChoice, 'relays' | 'expect'>,
): LinkKind | null {
  const kinds: { readonly kind: LinkKind }[] = directPaths(from, to)
  if (relays.some(relay => isBetween(from, to, relay))) kinds.push({ kind: 'relay' })
  return inOrder(kinds, expect)[0]?.kind ?? null
}

function directPaths(from: ReachablePeer, to: ReachablePeer): LinkPath[] {
  const direct: LinkPath[] = []
  if (from.reach.webrtc && to.reach.webrtc) direct.push({ kind: 'webrtc' })
  const daemon = daemonOf(from, to)
  if (daemon !== null) direct.push({ kind: 'axl', key: daemon })
  return direct
}

/** A stable sort: AXL stays before relays of the same time, the first relay before the second. */
function inOrder<T extends { readonly kind: LinkKind }>(paths: readonly T[], expect: RouteChoice['expect']): T[] {
  const webrtc = expect('webrtc')
  const rank = ({ kind }: T): number => {
    const { ms, isMeasured } = expect(kind)
    if (kind === 'webrtc') return -1
    const isFaster = webrtc.isMeasured && isMeasured && ms < webrtc.ms * notablyFaster
    return isFaster ? ms - Number.MAX_SAFE_INTEGER : ms
  }
  return [...paths].sort((a, b) => rank(a) - rank(b))
}

/** How `member` reaches `relay`: over AXL with the relay's key, or by a data channel (null key). Null where it cannot. */
export function relayKey(member: ReachablePeer, relay: ReachablePeer): { readonly key: string | null } | null {
  if (member.reach.webrtc && relay.reach.webrtc) return { key: null }
  const key = daemonOf(member, relay)
  return key === null ? null : { key }
}

/**
 * The daemon of `to`, where `from` has one too. Not where it is the same: a daemon has one queue, and two that read it take each other's
 * messages.
 */
function daemonOf(from: ReachablePeer, to: ReachablePeer): string | null {
  return from.reach.axl === null || from.reach.axl === to.reach.axl ? null : to.reach.axl
}

/**
 * Whether `relay` can stand between them. Beside a direct path over AXL only where both reach it the same way: a link sends over AXL
 * and relays by one carrier, and an end whose relay is behind a data channel would wait where the other does not send.
 */
export function isBetween(a: ReachablePeer, b: ReachablePeer, relay: ReachablePeer): boolean {
  if (relay.peer === a.peer || relay.peer === b.peer) return false
  const [ofA, ofB] = [relayKey(a, relay), relayKey(b, relay)]
  if (ofA === null || ofB === null) return false
  return daemonOf(a, b) === null || (ofA.key === null) === (ofB.key === null)
}

/** Relays that can stand between both, in an order of the pair's own: pairs spread evenly, and a lost relay moves only its own pairs. */
function relaysBetween(
  a: ReachablePeer,
  b: ReachablePeer,
  relays: readonly ReachablePeer[],
  failed: ReadonlySet<string>,
): ReachablePeer[] {
  const pair = a.peer < b.peer ? `${a.peer}|${b.peer}` : `${b.peer}|${a.peer}`
  return relays
    .filter(relay => isBetween(a, b, relay))
    .map(relay => ({ relay, hasFailed: failed.has(relay.peer) ? 1 : 0, weight: hashText(`${pair}|${relay.peer}`) }))
    .sort((x, y) => x.hasFailed - y.hasFailed || y.weight - x.weight || (x.relay.peer < y.relay.peer ? -1 : 1))
    .map(({ relay }) => relay)
}

/** FNV-1a over UTF-16 units, 32 bits, with the final mix of MurmurHash3 so that ids that differ in one digit spread. */
function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
