/**
 * The worker's half of the transport: the Transport port over WebRTC links. It asks the page for connections, passes signals in and
 * out, and owns the links. It knows no tensors and no requests; who should be linked is told by `setPeers`.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import type { Clock, LinkEvent, Transport } from '@computepool/shared/ports'
import type { LinkSignal, PeerId } from '@computepool/shared/wire'
import { createEarlySignals } from './early-signals.ts'
import type { HostPort } from './host-port.ts'
import type { HostCommand, HostEvent, HostSignal, IceServer } from './host-protocol.ts'
import { isOfKeptLink, judgeSignal, type Pairing } from './link-pairing.ts'
import { createRtcLink, type RtcLink } from './rtc-link.ts'
import { defaultTransportLimits, type TransportLimits } from './transport-limits.ts'
import { type ProxiedChannel, proxyChannel, wrapDataChannel } from './wrap-channel.ts'

export interface RtcTransportOptions {
  readonly self: PeerId
  /** The other end of the port of the page's `createRtcHost`, or of a host in this thread. */
  readonly port: HostPort<HostCommand, HostEvent>
  readonly clock: Clock
  readonly limits?: Partial<TransportLimits>
}

export interface PeerLink {
  readonly peer: PeerId
  /** True at exactly one end of a link: it makes the offer. */
  readonly isInitiator: boolean
}

/** Proof of which path channels took: to the worker, or through the page's thread, or made in the transport's own thread. */
export interface ChannelCounts {
  readonly transferred: number
  readonly proxied: number
  readonly madeHere: number
}

export interface RtcTransport extends Transport {
  /**
   * Links to exactly these peers. Links that stay are kept: with the same epoch those that have not ended, with a new one those that are open and have a path.
   * (A peer that was reloaded has another id.)
   */
  setPeers(peers: readonly PeerLink[], epoch: number): void
  /** For links made from now on, and for restarts of those that are open. */
  setIceServers(servers: readonly IceServer[]): void
  /** A signal that the hub brought. One of another epoch waits for its `setPeers`, unless it is about a kept link. */
  handleSignal(from: PeerId, signal: LinkSignal): void
  /** Signals for the hub to carry. */
  onSignal(handler: (to: PeerId, signal: LinkSignal) => void): () => void
  readonly channelCounts: ChannelCounts
}

interface Entry {
  readonly peer: PeerId
  readonly isInitiator: boolean
  readonly pairing: Pairing
  readonly link: RtcLink
  readonly proxies: Map<string, ProxiedChannel>
}

/** Times that one peer may have its link made anew within an assignment: each costs a connection. */
const maxReplacements = 8

export function createRtcTransport(options: RtcTransportOptions): RtcTransport {
  const { self, port, clock } = options
  const limits = { ...defaultTransportLimits, ...options.limits }
  const entries = new Map<PeerId, Entry>()
  const byNumber = new Map<number, Entry>()
  const frameHandlers = new Set<(peer: string, frame: Uint8Array) => void>()
  const linkHandlers = new Set<(event: LinkEvent) => void>()
  const signalHandlers = new Set<(to: PeerId, signal: LinkSignal) => void>()
  const counts = { transferred: 0, proxied: 0, madeHere: 0 }
  const replacements = new Map<PeerId, number>()
  const early = createEarlySignals()
  let iceServers: readonly IceServer[] = []
  let epoch = 0
  let nextNumber = 0
  let isClosed = false

  const post = (command: HostCommand, transfer: Transferable[] = []): void => port.postMessage(command, transfer)
  const tell = (event: LinkEvent): void => {
    for (const handler of [...linkHandlers]) handler(event)
  }

  /** `since`: the first of this side's connections to the peer that this one stands for. */
  function openLink({ peer, isInitiator }: PeerLink, since?: number): Entry {
    const number = nextNumber++
    const link = createRtcLink({
      self,
      peer,
      epoch,
      clock,
      limits,
      onOpened: () => tell({ type: 'link-opened', peer }),
      onMeasured: rttMs => tell({ type: 'link-measured', peer, rttMs }),
      onFrame(frame) {
        for (const handler of [...frameHandlers]) handler(peer, frame)
      },
      onClosed(error) {
        byNumber.delete(number)
        post({ type: 'close-link', link: number })
        tell({ type: 'link-closed', peer, error: error.toJSON() })
      },
      restartIce: () => post({ type: 'restart-ice', link: number }),
      openLanes: isInitiator ? count => post({ type: 'open-lanes', link: number, count, iceServers }) : null,
    })
    const pairing: Pairing = { own: number, since: since ?? number, theirs: null, isUsed: false }
    const entry: Entry = { peer, isInitiator, pairing, link, proxies: new Map() }
    entries.set(peer, entry)
    byNumber.set(number, entry)
    post({ type: 'open-link', link: number, isInitiator, iceServers })
    return entry
  }

  function signalOut({ peer, pairing }: Entry, signal: HostSignal | { readonly type: 'offer-wanted' }): void {
    const full = { ...signal, epoch, link: pairing.own, toLink: pairing.theirs } as LinkSignal
    for (const handler of [...signalHandlers]) handler(peer, full)
  }

  function closeLink(peer: PeerId, reason: string): void {
    const entry = entries.get(peer)
    entries.delete(peer)
    entry?.link.close(
      new ComputePoolError('peer_disconnected', reason, {
        remedy: 'Nothing: it was closed on purpose.',
        context: { peer },
      }),
    )
  }

  function passIn(from: PeerId, signal: LinkSignal): void {
    const known = entries.get(from)
    // Only who offers can be asked to.
    if (!known || (signal.type === 'offer-wanted' && !known.isInitiator)) return
    const verdict = judgeSignal(known.pairing, signal)
    if (verdict === 'drop') return
    const entry = verdict === 'take' ? known : replaceLink(known)
    if (entry === null) return
    const { epoch: _, link, toLink: __, ...hostSignal } = signal
    entry.pairing.theirs = link
    if (hostSignal.type === 'offer-wanted') return
    // Who offers begins anew with an offer of its own.
    if (verdict === 'replace' && (entry.isInitiator || signal.type !== 'description')) return
    if (hostSignal.type === 'description') entry.pairing.isUsed = true
    post({ type: 'signal-arrived', link: entry.pairing.own, signal: hostSignal })
  }

  /** The other side has lost the link that this side kept, and made another. */
  function replaceLink({ peer, isInitiator, pairing }: Entry): Entry | null {
    const count = (replacements.get(peer) ?? 0) + 1
    if (count > maxReplacements) return null
    replacements.set(peer, count)
    closeLink(peer, `${peer} has made its link anew`)
    // A handler may have changed the routes.
    if (entries.has(peer) || isClosed) return null
    // An answer fits the one offer that it was made for.
    return openLink({ peer, isInitiator }, isInitiator ? undefined : pairing.since)
  }

  port.onmessage = ({ data: event }: MessageEvent<HostEvent>) => {
    const entry = byNumber.get(event.link)
    if (!entry) return
    switch (event.type) {
      case 'signal-made':
        signalOut(entry, event.signal)
        break
      case 'channel-transferred':
        counts.transferred += 1
        entry.link.attach(event.name, wrapDataChannel(event.channel))
        break
      case 'channel-made-here':
        counts.madeHere += 1
        entry.link.attach(event.name, event.channel)
        break
      case 'channel-proxied': {
        counts.proxied += 1
        const proxy = proxyChannel(data =>
          post(
            { type: 'send-by-proxy', link: event.link, channel: event.name, data },
            typeof data === 'string' ? [] : [data],
          ),
        )
        entry.proxies.set(event.name, proxy)
        entry.link.attach(event.name, proxy.channel)
        break
      }
      case 'proxy-event':
        entry.proxies.get(event.channel)?.accept(event.event)
        break
      case 'connection-changed':
        entry.link.connectionChanged(event.state, event.lane)
        break
      case 'link-failed':
        entry.link.close(
          new ComputePoolError('peer_unreachable', `The connection to ${entry.peer} failed: ${event.message}`, {
            remedy: 'Check the network, or configure a TURN server.',
            context: { peer: entry.peer },
          }),
        )
        break
    }
  }

  return {
    setPeers(peers, nextEpoch) {
      if (isClosed) return
      const wanted = new Map(peers.map(entry => [entry.peer, entry]))
      for (const [peer, { link }] of [...entries]) {
        if (!wanted.has(peer)) closeLink(peer, `Assignment ${nextEpoch} has no link to ${peer}`)
        else if (link.isClosed || (nextEpoch !== epoch && !(link.facts.isOpen && link.hasPath)))
          closeLink(peer, `Assignment ${epoch} gave way to ${nextEpoch}`)
        else if (nextEpoch !== epoch) link.noteAssigned()
      }
      const isWanted = (peer: PeerId): boolean => wanted.has(peer)
      if (nextEpoch !== epoch) {
        replacements.clear()
        early.noteAssigned(isWanted)
      }
      epoch = nextEpoch
      for (const [peer, link] of wanted) {
        if (entries.has(peer)) continue
        const entry = openLink(link)
        // It may have kept its own, and would never offer.
        if (!link.isInitiator) signalOut(entry, { type: 'offer-wanted' })
      }
      for (const { from, signal } of early.take(epoch, isWanted)) passIn(from, signal)
    },
    setIceServers(servers) {
      iceServers = servers
      for (const { pairing } of entries.values()) post({ type: 'set-ice-servers', link: pairing.own, iceServers })
    },
    handleSignal(from, signal) {
      const entry = entries.get(from)
      if (entry && (signal.epoch === epoch || isOfKeptLink(entry.pairing, signal))) passIn(from, signal)
      else early.add(from, signal)
    },
    async send(peer, frame, signal) {
      signal?.throwIfAborted()
      const entry = entries.get(peer as PeerId)
      if (entry) return entry.link.send(frame, signal)
      throw new ComputePoolError(isClosed ? 'peer_disconnected' : 'peer_unreachable', `There is no link to ${peer}`, {
        remedy: 'Wait for an assignment that links to it.',
        context: { peer },
      })
    },
    onFrame: handler => subscribe(frameHandlers, handler),
    onLink: handler => subscribe(linkHandlers, handler),
    onSignal: handler => subscribe(signalHandlers, handler),
    links: () => [...entries.values()].map(entry => entry.link.facts),
    get channelCounts() {
      return { ...counts }
    },
    async close() {
      if (isClosed) return
      isClosed = true
      for (const peer of [...entries.keys()]) closeLink(peer, 'This transport was closed')
      early.clear()
    },
  }
}

function subscribe<T>(handlers: Set<T>, handler: T): () => void {
  handlers.add(handler)
  return () => void handlers.delete(handler)
}
