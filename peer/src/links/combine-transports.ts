/**
 * One transport out of several networks: all ways to a peer are opened, frames go over the best, and the layer above sees one link. A way
 * that ends with frames on it ends the link for the layer above, even where another way stands by: frames are never lost in silence.
 */
import { ComputePoolError, type ErrorData, errorFromData } from '@computepool/shared/errors'
import type { Clock, LinkEvent, LinkFacts } from '@computepool/shared/ports'
import type { LinkSignal, PeerId } from '@computepool/shared/wire'
import type { PeerTransport } from '../runtime/peer-powers.ts'
import { choosePath } from './choose-path.ts'
import { openWaiters, type Waiters } from './open-waiters.ts'
import type { PathMember, WantedRoutes } from './path-member.ts'
import type { RtcTransport } from './rtc-transport.ts'

export interface CombineOptions {
  readonly clock: Clock
  readonly members: readonly PathMember[]
  /** The member whose links are opened by signals; null where there is none. */
  readonly signals: Pick<RtcTransport, 'handleSignal' | 'onSignal' | 'setIceServers'> | null
}

export interface CombinedTransport extends PeerTransport {
  /** Of every way to every peer, in use or not. */
  paths(): readonly LinkFacts[]
}

interface Path {
  readonly member: PathMember
  state: 'opening' | 'open' | 'closed'
  /** When a frame last went over it. */
  sentAtMs: number
}

interface Link {
  /** The route's paths, to see a change. */
  ways: string
  /** In the order of preference. */
  paths: readonly Path[]
  /** Null: no way is open. */
  current: Path | null
  /** What the layer above was told when the link ended; null before, and while it is open again. */
  ending: ErrorData | null
  readonly waiting: Waiters
  cancelDeadline: () => void
}

/** A frame that was sent longer ago than the longest silence limit of a network has arrived. */
const lossHorizonMs = 70_000
/** From `setRoutes` to an open way, as every member has it. Here too: of a way that had ended before, its member tells nothing more. */
const connectDeadlineMs = 20_000
const idle: Omit<LinkFacts, 'peer' | 'kind'> = {
  isOpen: false,
  rttMs: null,
  bytesPerSecond: null,
  sentBytes: 0,
  receivedBytes: 0,
  sentFrames: 0,
  receivedFrames: 0,
}

export function combineTransports({ clock, members, signals }: CombineOptions): CombinedTransport {
  const links = new Map<PeerId, Link>()
  const frameHandlers = new Set<(peer: string, frame: Uint8Array) => void>()
  const linkHandlers = new Set<(event: LinkEvent) => void>()
  let epoch = 0
  let isClosed = false
  /** While members change their links, what they tell of those that go is told already. */
  let isRerouting = false

  const tell = (event: LinkEvent): void => {
    for (const handler of [...linkHandlers]) handler(event)
  }
  const factsOf = ({ member }: Path, peer: string): LinkFacts | undefined =>
    member.transport.links().find(facts => facts.peer === peer)

  for (const member of members) {
    member.transport.onFrame((peer, frame) => {
      // A relay is linked and no peer of the ring: its frames are its carrier's business.
      if (!links.get(peer)?.paths.some(path => path.member === member)) return
      for (const handler of [...frameHandlers]) handler(peer, frame)
    })
    member.transport.onLink(event => {
      if (!isRerouting) acceptEvent(member, event)
    })
  }

  function acceptEvent(member: PathMember, event: LinkEvent): void {
    const { peer } = event
    const link = links.get(peer)
    const path = link?.paths.find(each => each.member === member)
    if (!link || !path) return
    if (event.type === 'link-closed') {
      acceptClosing(peer, link, path, event.error)
      return
    }
    if (event.type === 'link-opened') path.state = 'open'
    if (link.current === null) openOver(peer, link, choose(peer, link))
    else {
      const before = link.current
      link.current = choose(peer, link) ?? before
      if (link.current !== before) tellMeasured(peer, link.current)
      else if (event.type === 'link-measured' && link.current === path) tell(event)
    }
  }

  function tellMeasured(peer: string, path: Path): void {
    const rttMs = factsOf(path, peer)?.rttMs ?? null
    if (rttMs !== null) tell({ type: 'link-measured', peer, rttMs })
  }

  function choose(peer: string, link: Link): Path | null {
    const open = link.paths.filter(({ state }) => state === 'open')
    const choices = open.map(path => ({ path, rttMs: factsOf(path, peer)?.rttMs ?? null }))
    return choosePath(choices, link.current)
  }

  function openOver(peer: string, link: Link, path: Path | null): void {
    if (path === null) return
    link.cancelDeadline()
    link.current = path
    link.ending = null
    tell({ type: 'link-opened', peer })
    tellMeasured(peer, path)
    link.waiting.resolve()
  }

  function acceptClosing(peer: string, link: Link, path: Path, error: ErrorData): void {
    const wasOpen = path.state === 'open'
    path.state = 'closed'
    const isLast = link.paths.every(({ state }) => state === 'closed')
    // A way that was left a moment ago may have taken frames with it.
    const mayLose = wasOpen && (path === link.current || clock.monotonicMs() - path.sentAtMs < lossHorizonMs)
    const isTold = link.ending !== null
    if (!mayLose && !(isLast && link.current === null && !isTold)) return
    endLink(peer, link, error)
    // The handlers may have dropped the peer.
    if (links.get(peer) === link) openOver(peer, link, choose(peer, link))
  }

  function endLink(peer: string, link: Link, error: ErrorData): void {
    link.cancelDeadline()
    link.current = null
    link.ending = error
    tell({ type: 'link-closed', peer, error })
    link.waiting.resolve()
  }

  /** Ways that open later are taken all the same. */
  function watchOpening(peer: PeerId, link: Link): void {
    link.cancelDeadline = clock.schedule(connectDeadlineMs, () => {
      const message = `No way to ${peer} opened in ${connectDeadlineMs} ms`
      endLink(peer, link, unreachable(peer, message).toJSON())
    })
  }

  function forget(peer: PeerId, reason: string): void {
    const link = links.get(peer)
    links.delete(peer)
    if (!link) return
    link.cancelDeadline()
    if (link.current !== null) tell({ type: 'link-closed', peer, error: closedOnPurpose(peer, reason).toJSON() })
    link.waiting.resolve()
  }

  function setRoutes({ epoch: nextEpoch, routes }: WantedRoutes): void {
    if (isClosed) return
    const wanted = new Set(routes.map(({ peer }) => peer))
    for (const peer of [...links.keys()])
      if (!wanted.has(peer)) forget(peer, `Assignment ${nextEpoch} has no link to ${peer}`)
    const isNewEpoch = nextEpoch !== epoch
    epoch = nextEpoch
    /** Links whose ways may change, with those that frames of this assignment may be under way on. */
    const fresh = new Map<PeerId, readonly Path[]>()
    const isRecent = ({ state, sentAtMs }: Path): boolean =>
      !isNewEpoch && state === 'open' && clock.monotonicMs() - sentAtMs < lossHorizonMs
    for (const { peer, paths } of routes) {
      const ways = JSON.stringify(paths)
      const known = links.get(peer)
      if (known?.ways === ways && !isNewEpoch) continue
      fresh.set(peer, known?.paths.filter(isRecent) ?? [])
      const inOrder = new Set(paths.flatMap(path => members.filter(member => member.takes(path))))
      const pathOf = (member: PathMember): Path =>
        known?.paths.find(path => path.member === member) ?? { member, state: 'opening', sentAtMs: -lossHorizonMs }
      const link = known ?? {
        ways,
        paths: [],
        current: null,
        ending: null,
        waiting: openWaiters(),
        cancelDeadline() {},
      }
      link.ways = ways
      link.paths = [...inOrder].map(pathOf)
      link.ending = null
      links.set(peer, link)
    }
    isRerouting = true
    for (const member of members) member.setRoutes({ epoch, routes })
    isRerouting = false
    for (const [peer, link] of [...links]) {
      // The handlers may have dropped the peer.
      if (links.get(peer) === link) takeStock(peer, link, fresh.get(peer) ?? null)
    }
  }

  /** What the members made of new routes: ways that stayed open, ways that begin anew, ways that are gone. Null: its ways are as before. */
  function takeStock(peer: PeerId, link: Link, used: readonly Path[] | null): void {
    for (const path of link.paths) {
      const isOpen = factsOf(path, peer)?.isOpen === true
      if (isOpen || used !== null) path.state = isOpen ? 'open' : 'opening'
    }
    const hasStayed = (path: Path): boolean => link.paths.includes(path) && path.state === 'open'
    const { current } = link
    if (current !== null && used !== null && ![current, ...used].every(hasStayed)) {
      link.current = null
      const reason = `Assignment ${epoch} makes the link to ${peer} anew`
      tell({ type: 'link-closed', peer, error: closedOnPurpose(peer, reason).toJSON() })
      if (links.get(peer) !== link) return
    }
    if (link.current === null) openOver(peer, link, choose(peer, link))
    if (used === null || link.current !== null || link.paths.length === 0) return
    link.cancelDeadline()
    watchOpening(peer, link)
  }

  async function send(peer: string, frame: Uint8Array, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    const link = links.get(peer)
    if (!link || link.paths.length === 0) throw unlinked(peer, isClosed)
    if (link.current === null && link.ending === null) await link.waiting.wait(signal)
    const path = link.current
    if (path === null || links.get(peer) !== link) throw endOf(link, peer)
    path.sentAtMs = clock.monotonicMs()
    try {
      await path.member.transport.send(peer, frame, signal)
    } finally {
      path.sentAtMs = clock.monotonicMs()
    }
  }

  return {
    send,
    setRoutes,
    onFrame: handler => subscribe(frameHandlers, handler),
    onLink: handler => subscribe(linkHandlers, handler),
    links: () =>
      [...links].map(([peer, { paths, current }]) => {
        const all = paths.map(path => factsOf(path, peer))
        const used = all[current === null ? 0 : paths.indexOf(current)]
        const sum = (name: 'sentBytes' | 'receivedBytes' | 'sentFrames' | 'receivedFrames'): number =>
          all.reduce((total, facts) => total + (facts?.[name] ?? 0), 0)
        return {
          ...idle,
          kind: 'webrtc' as const,
          ...used,
          peer,
          isOpen: current !== null,
          sentBytes: sum('sentBytes'),
          receivedBytes: sum('receivedBytes'),
          sentFrames: sum('sentFrames'),
          receivedFrames: sum('receivedFrames'),
        }
      }),
    paths: () => [...links].flatMap(([peer, { paths }]) => paths.flatMap(path => factsOf(path, peer) ?? [])),
    setIceServers: servers => signals?.setIceServers(servers),
    handleSignal: (from, signal: LinkSignal) => signals?.handleSignal(from, signal),
    onSignal: handler => signals?.onSignal(handler) ?? (() => {}),
    dropPeer(peer) {
      isRerouting = true
      for (const member of members) member.dropPeer(peer)
      isRerouting = false
      forget(peer, `${peer} was shut out`)
    },
    async close() {
      if (isClosed) return
      isClosed = true
      for (const peer of [...links.keys()]) forget(peer, 'This transport was closed')
      // The carriers of one may lead over links of the next: their last words first.
      for (const member of members) await member.close()
    },
  }
}

const closedOnPurpose = (peer: string, reason: string): ComputePoolError =>
  new ComputePoolError('peer_disconnected', reason, {
    remedy: 'Nothing: it was closed on purpose.',
    context: { peer },
  })

const unlinked = (peer: string, isClosed: boolean): ComputePoolError =>
  new ComputePoolError(isClosed ? 'peer_disconnected' : 'peer_unreachable', `There is no link to ${peer}`, {
    remedy: 'Wait for an assignment that links to it.',
    context: { peer },
  })

const unreachable = (peer: string, message: string): ComputePoolError =>
  new ComputePoolError('peer_unreachable', message, { remedy: 'Route over another peer.', context: { peer } })

const endOf = ({ ending }: Link, peer: string): ComputePoolError =>
  ending === null ? closedOnPurpose(peer, `The link to ${peer} is closed`) : errorFromData(ending)

function subscribe<T>(handlers: Set<T>, handler: T): () => void {
  handlers.add(handler)
  return () => void handlers.delete(handler)
}
