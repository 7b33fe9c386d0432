/** Proof that a ring's tokens went the way under test: a path that died unnoticed would give the same text over another. */
import type { PoolSnapshot } from '@computepool/shared/swarm'
import { leastDirectHops, type Transcript } from './golden-answers.ts'
import type { NativeNode } from './native-peers.ts'
import type { MixedRing, PeerKind } from './open-mixed-ring.ts'

type Seats = PoolSnapshot['seats']
type LinkKind = Seats[number]['linkKind']

export interface RingLink {
  readonly seat: number
  /** By which kind of link this seat's frames go on to the next, given what both ends are. */
  readonly wanted: LinkKind
  readonly found: LinkKind
}

const isBehindAxl = (nodes: readonly NativeNode[], peer: string): boolean =>
  nodes.some(node => node.daemon !== null && node.snapshot()?.peer === peer)

/** Every hop of a ring of tabs, nodes with data channels, and nodes behind AXL with nothing else. */
export function linksOf(nodes: readonly NativeNode[], seats: Seats): RingLink[] {
  return seats.map(({ seat, peer, linkKind }, index) => {
    const here = isBehindAxl(nodes, peer)
    const there = isBehindAxl(nodes, seats[(index + 1) % seats.length]!.peer)
    return { seat, wanted: here && there ? 'axl' : here || there ? 'relay' : 'webrtc', found: linkKind }
  })
}

export const linksInWords = (links: readonly RingLink[]): string =>
  links.map(({ seat, wanted, found }) => `Seat ${seat} goes on by ${found}, due is ${wanted}.`).join(' ')

function framesOver(node: NativeNode, peer: string, kind: LinkKind): { sent: number; received: number } {
  const ways = node.paths().filter(path => path.peer === peer && path.kind === kind)
  return {
    sent: ways.reduce((sum, { sentFrames }) => sum + sentFrames, 0),
    received: ways.reduce((sum, { receivedFrames }) => sum + receivedFrames, 0),
  }
}

/**
 * Throws where a link of the ring is of another kind than its two ends allow, or carried less than the answers need: a frame for each lap,
 * and for each token of `unguessed`, which were asked with nothing guessed ahead.
 */
export async function provePathsTaken(
  ring: MixedRing,
  kinds: readonly PeerKind[],
  asked: readonly Transcript[],
  unguessed: readonly Transcript[] = [],
): Promise<void> {
  const { seats } = await ring.pool()
  // A lap is a message over each link at least.
  const laps =
    asked.reduce((sum, transcript) => sum + leastDirectHops(transcript) / 2, 0) +
    unguessed.reduce((sum, { completionTokens }) => sum + completionTokens.length, 0)
  const behindAxl = seats.filter(({ peer }) => isBehindAxl(ring.nodes, peer)).length
  check(behindAxl === kinds.filter(kind => kind === 'axl').length, 'every peer has a seat')
  const links = linksOf(ring.nodes, seats)
  check(
    links.every(({ wanted, found }) => wanted === found),
    linksInWords(links),
  )
  for (const node of ring.nodes) {
    const here = seats.findIndex(({ peer }) => peer === node.snapshot()?.peer)
    const before = (here + seats.length - 1) % seats.length
    // The counters are of the way that is due, not of whichever was in use.
    const sent = framesOver(node, seats[(here + 1) % seats.length]!.peer, links[here]!.wanted).sent
    const received = framesOver(node, seats[before]!.peer, links[before]!.wanted).received
    const seat = `seat ${seats[here]!.seat}`
    check(sent >= laps, `${seat} sent ${sent} frames on by ${links[here]!.wanted}, of ${laps}`)
    check(received >= laps, `${seat} got ${received} frames by ${links[before]!.wanted}, of ${laps}`)
    if (node.daemon === null) continue
    const { handedOut, sent: posted } = node.daemon.counts
    check(handedOut >= laps, `${handedOut} messages reached a daemon; its node was passed ${laps} times`)
    check(posted >= laps, `${posted} messages left by a daemon; its node was passed ${laps} times`)
  }
  if (ring.bridge === null) return
  const passed = ring.bridge.daemon.counts
  check(passed.sent >= laps, `the bridge sent ${passed.sent} messages; ${laps} laps went through it`)
  check(passed.handedOut >= laps, `the bridge got ${passed.handedOut} messages; ${laps} laps went through it`)
}

function check(condition: boolean, what: string): void {
  if (!condition) throw new Error(`The path under test was not taken: ${what}`)
}
