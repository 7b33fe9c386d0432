/**
 * The Transport port over datagram carriers: a sealed link to each peer of an assignment, whatever carries its packets. It trusts no
 * carrier: who a peer is, is in its signature. It knows no routes beyond "this peer by this carrier".
 */
import { type PacketHeader, readPacketHeader } from '@computepool/shared/datagram'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Clock, DatagramCarrier, Entropy, LinkEvent, Transport } from '@computepool/shared/ports'
import type { PeerId } from '@computepool/shared/wire'
import { hexToBytes } from '@noble/hashes/utils.js'
import type { PeerKey } from '../runtime/peer-powers.ts'
import { decodeInit, isWant, sessionIdOf } from './handshake.ts'
import { packetRoomBytes } from './packet-room.ts'
import { defaultSealedLimits, type SealedLimits } from './sealed-limits.ts'
import { openSealedLink, type SealedKind, type SealedLink } from './sealed-link.ts'
import type { SessionCounts } from './sealed-session.ts'

export interface SealedTransportOptions {
  readonly self: PeerId
  /** The wallet in `self`. */
  readonly key: Pick<PeerKey, 'sign'>
  readonly clock: Clock
  readonly entropy: Entropy
  readonly limits?: Partial<SealedLimits>
}

export interface SealedRoute {
  readonly peer: PeerId
  readonly kind: SealedKind
  /** Of the assignment, hex. */
  readonly secret: string
  readonly carrier: DatagramCarrier
  /** That reach this peer too: packets are taken from each, and answered over the one by which the last came. */
  readonly spares?: readonly DatagramCarrier[]
}

export interface SealedCounts extends SessionCounts {
  /** Datagrams that belong to no link here: of another epoch, another peer, or garbage. */
  readonly strayDatagrams: number
  readonly refusedHandshakes: number
}

export interface SealedTransport extends Transport {
  /**
   * Links to exactly these peers. Links that stay are kept: with the same epoch those that have not ended, with a new one those that are
   * open; the others are made anew. The other side may have lost such a link: it is made anew when that side says so.
   * Carriers are listened to while a route names them, and stay the caller's to close.
   */
  setRoutes(wanted: { readonly epoch: number; readonly routes: readonly SealedRoute[] }): void
  /** Shuts one peer out until the next epoch. */
  dropPeer(peer: string): void
  /** Of all links since the transport was made. */
  readonly counts: SealedCounts
  /** What is held for all links now. */
  readonly held: { readonly unackedBytes: number; readonly pendingBytes: number; readonly packets: number }
}

/** What a link of the current assignment would be, beside the kept one that serves. */
interface Renewal {
  readonly route: SealedRoute
  readonly sessionId: string
  readonly secret: Uint8Array
}

interface Entry {
  link: SealedLink
  /** The preferred one first. */
  readonly carriers: readonly DatagramCarrier[]
  /** Of the current assignment, where the link is of an earlier one; else null. */
  renewal: Renewal | null
  /** In use. */
  carrier: DatagramCarrier
  /** By which the packet came that is looked at now. */
  via: DatagramCarrier
  isBusy: boolean
}

const noCounts: SealedCounts = {
  sentPackets: 0,
  receivedPackets: 0,
  lostPackets: 0,
  probes: 0,
  duplicates: 0,
  forged: 0,
  strayDatagrams: 0,
  refusedHandshakes: 0,
}

/** How long `close` waits for carriers to take the last packets. */
const farewellMs = 500

export function createSealedTransport(options: SealedTransportOptions): SealedTransport {
  const { self, clock } = options
  const limits = { ...defaultSealedLimits, ...options.limits }
  const entries = new Map<PeerId, Entry>()
  const carriers = new Map<DatagramCarrier, { stop(): void; isBusy: boolean }>()
  const frameHandlers = new Set<(peer: string, frame: Uint8Array) => void>()
  const linkHandlers = new Set<(event: LinkEvent) => void>()
  let ended = noCounts
  let strayDatagrams = 0
  let epoch = 0
  let isClosed = false

  const tell = (event: LinkEvent): void => {
    for (const handler of [...linkHandlers]) handler(event)
  }

  function acceptDatagram(carrier: DatagramCarrier, from: string, datagram: Uint8Array): void {
    const header = datagram.length <= carrier.maxDatagramBytes ? readPacketHeader(datagram) : null
    const known = entries.get(from)
    const entry = header && known && isRenewed(known, header, datagram) ? renewLink(from, known) : known
    if (!header || entry?.link.sessionId !== header.sessionId || !entry.carriers.includes(carrier)) strayDatagrams += 1
    else {
      entry.via = carrier
      entry.link.accept(header, datagram)
    }
  }

  /** The other side has no link to this one any more: it opens, or wants to be opened to, in the current assignment. */
  function isRenewed({ renewal }: Entry, header: PacketHeader, datagram: Uint8Array): boolean {
    if (renewal?.sessionId !== header.sessionId) return false
    // Anybody may have written the header; only the pair has the secret.
    return self < renewal.route.peer ? isWant(datagram, renewal) : decodeInit(datagram, renewal) !== null
  }

  function renewLink(peer: string, { renewal }: Entry): Entry | undefined {
    void closeLink(peer, `${peer} makes its link anew`)
    // A handler may have changed the routes.
    if (renewal !== null && !isClosed && !entries.has(peer)) openLink(renewal.route)
    return entries.get(peer)
  }

  function renewalOf(route: SealedRoute): Renewal {
    const { peer, secret } = route
    const [opener, answerer] = self < peer ? [self, peer] : [peer, self]
    return { route, secret: hexToBytes(secret), sessionId: sessionIdOf({ opener, answerer, epoch }) }
  }

  function openLink({ peer, kind, secret, carrier, spares = [] }: SealedRoute): void {
    const isCurrent = (): boolean => entries.get(peer)?.link === link
    const setBusy = (isBusy: boolean): void => {
      entry.isBusy = isBusy
      refreshBusy(entry.carrier)
    }
    const carriers = [carrier, ...spares]
    const entry = { carriers, renewal: null, carrier, via: carrier, isBusy: false } as Omit<Entry, 'link'> as Entry
    const take = (next: DatagramCarrier): void => {
      const before = entry.carrier
      if (next === before) return
      entry.carrier = next
      refreshBusy(before)
      refreshBusy(next)
    }
    // The carrier's place, and its own name of the way.
    const way = (): string => `${carriers.indexOf(entry.carrier)} ${entry.carrier.wayTo?.(peer) ?? ''}`
    const link: SealedLink = openSealedLink({
      self,
      peer,
      kind,
      epoch,
      pairSecret: hexToBytes(secret),
      clock,
      limits,
      key: options.key,
      entropy: options.entropy,
      segmentBytes: packetRoomBytes(limits.segmentBytes, Math.min(...carriers.map(each => each.maxDatagramBytes))),
      post: async packet => entry.carrier.post(peer, packet),
      credit: () => Math.max(2, Math.min(limits.maxWindow, Math.floor(limits.sharedQueuePackets / entries.size))),
      onOpened: () => tell({ type: 'link-opened', peer }),
      onMeasured: rttMs => isCurrent() && tell({ type: 'link-measured', peer, rttMs }),
      onFrame(frame) {
        for (const handler of [...frameHandlers]) handler(peer, frame)
      },
      onBusy: setBusy,
      way,
      onHeard: () => take(entry.via),
      onStalled() {
        const before = way()
        entry.carrier.passOver?.(peer)
        // It knows no other way: the next carrier's turn.
        if (way() === before) take(carriers[(carriers.indexOf(entry.carrier) + 1) % carriers.length]!)
      },
      onWayProven(proven) {
        const [place, name = ''] = proven.split(' ', 2)
        const next = carriers[Number(place)]!
        next.goBack?.(peer, name)
        take(next)
      },
      onClosed: error => tell({ type: 'link-closed', peer, error: error.toJSON() }),
    })
    entry.link = link
    entries.set(peer, entry)
  }

  function refreshBusy(carrier: DatagramCarrier): void {
    const listened = carriers.get(carrier)
    const isBusy = [...entries.values()].some(entry => entry.carrier === carrier && entry.isBusy)
    if (!listened || listened.isBusy === isBusy) return
    listened.isBusy = isBusy
    carrier.setBusy(isBusy)
  }

  function closeLink(peer: PeerId, reason: string): Promise<void> {
    const entry = entries.get(peer)
    if (!entry) return Promise.resolve()
    entries.delete(peer)
    const remedy = 'Nothing: it was closed on purpose.'
    const closing = entry.link.close(new ComputePoolError('peer_disconnected', reason, { remedy, context: { peer } }))
    ended = addCounts(ended, countsOf(entry.link))
    refreshBusy(entry.carrier)
    return closing
  }

  function listenTo(wanted: ReadonlySet<DatagramCarrier>): void {
    for (const [carrier, listened] of carriers) {
      if (wanted.has(carrier)) continue
      listened.stop()
      if (listened.isBusy) carrier.setBusy(false)
      carriers.delete(carrier)
    }
    for (const carrier of wanted) {
      if (carriers.has(carrier)) continue
      const stop = carrier.onDatagram((from, datagram) => acceptDatagram(carrier, from, datagram))
      carriers.set(carrier, { stop, isBusy: false })
    }
  }

  return {
    setRoutes({ epoch: nextEpoch, routes }) {
      if (isClosed) return
      const wanted = new Map(routes.map(route => [route.peer, route]))
      for (const [peer, entry] of [...entries]) {
        const hasWays = isSameList(carriersOf(wanted.get(peer)), entry.carriers)
        const isKept = hasWays && (nextEpoch === epoch ? !entry.link.isClosed : entry.link.facts.isOpen)
        if (!isKept) void closeLink(peer, `Assignment ${nextEpoch} has no such link to ${peer}`)
      }
      const isNewEpoch = nextEpoch !== epoch
      epoch = nextEpoch
      for (const [peer, entry] of isNewEpoch ? entries : []) {
        entry.renewal = renewalOf(wanted.get(peer)!)
        entry.link.session?.noteAssigned()
      }
      listenTo(new Set(routes.flatMap(carriersOf)))
      for (const [peer, route] of wanted) if (!entries.has(peer)) openLink(route)
      for (const carrier of carriers.keys()) refreshBusy(carrier)
    },
    dropPeer(peer) {
      void closeLink(peer, `${peer} was shut out`)
    },
    async send(peer, frame, signal) {
      signal?.throwIfAborted()
      const entry = entries.get(peer)
      if (entry) return entry.link.send(frame, signal)
      throw new ComputePoolError(isClosed ? 'peer_disconnected' : 'peer_unreachable', `There is no link to ${peer}`, {
        remedy: 'Wait for an assignment that links to it.',
        context: { peer },
      })
    },
    onFrame: handler => subscribe(frameHandlers, handler),
    onLink: handler => subscribe(linkHandlers, handler),
    links: () => [...entries.values()].map(({ link }) => link.facts),
    get counts() {
      const all = [...entries.values()].map(({ link }) => countsOf(link)).reduce(addCounts, ended)
      return { ...all, strayDatagrams }
    },
    get held() {
      const all = { unackedBytes: 0, pendingBytes: 0, packets: 0 }
      for (const { link } of entries.values()) {
        all.unackedBytes += link.session?.held.unackedBytes ?? 0
        all.pendingBytes += link.session?.held.pendingBytes ?? 0
        all.packets += link.session?.held.packets ?? 0
      }
      return all
    },
    async close() {
      if (isClosed) return
      isClosed = true
      const farewells = [...entries.keys()].map(peer => closeLink(peer, 'This transport was closed'))
      let cancel = (): void => {}
      const late = new Promise<void>(resolve => {
        cancel = clock.schedule(farewellMs, resolve)
      })
      await Promise.race([Promise.all(farewells), late])
      cancel()
      listenTo(new Set())
    },
  }
}

const carriersOf = (route: SealedRoute | undefined): readonly DatagramCarrier[] =>
  route ? [route.carrier, ...(route.spares ?? [])] : []
const isSameList = (one: readonly DatagramCarrier[], other: readonly DatagramCarrier[]): boolean =>
  one.length === other.length && one.every((each, index) => each === other[index])

const countsOf = ({ session, refusedHandshakes }: SealedLink): SealedCounts => ({
  ...noCounts,
  ...session?.counts,
  refusedHandshakes,
})

function addCounts(one: SealedCounts, other: SealedCounts): SealedCounts {
  const sum = { ...one }
  for (const name of Object.keys(noCounts) as (keyof SealedCounts)[])
    Object.assign(sum, { [name]: one[name] + other[name] })
  return sum
}

function subscribe<T>(handlers: Set<T>, handler: T): () => void {
  handlers.add(handler)
  return () => void handlers.delete(handler)
}
