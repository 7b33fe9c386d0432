/**
 * The connections of a headless peer: what the page's `createRtcHost` does for a tab, over node-datachannel. Its own API and not its
 * W3C polyfill, whose `setLocalDescription()` does nothing and whose `restartIce()` throws. It knows no peers, frames or epochs.
 */
import type { HostPort } from '@computepool/peer/links/host-port.ts'
import {
  channelsOf,
  type HostCommand,
  type HostEvent,
  type HostSignal,
  type IceServer,
  maxLanes,
} from '@computepool/peer/links/host-protocol.ts'
import rtc, { type PeerConnection } from 'node-datachannel'
import { wrapNativeChannel } from './native-channel.ts'
import { nativeIceServers } from './native-ice.ts'

export interface NativeRtcHost {
  /** Closes all connections. Idempotent. */
  close(): void
}

interface HostLink {
  readonly isInitiator: boolean
  /** By lane; 0 is the link's first. */
  readonly lanes: Map<number, Connection>
  iceServers: readonly IceServer[]
}

interface Connection {
  readonly lane: number
  readonly connection: PeerConnection
  /** Candidates that came before the description they belong to. */
  readonly early: HostSignal[]
  /** An initiator's own candidates, until the answer is there. */
  readonly held: HostSignal[]
  isDescribed: boolean
}

export function createNativeRtcHost(port: HostPort<HostEvent, HostCommand>): NativeRtcHost {
  const links = new Map<number, HostLink>()
  const post = (event: HostEvent): void => port.postMessage(event, [])
  const fail = (link: number, fault: unknown): void => {
    if (links.has(link)) post({ type: 'link-failed', link, message: String(fault) })
  }

  function open({ link, isInitiator, iceServers }: Extract<HostCommand, { type: 'open-link' }>): void {
    links.set(link, { isInitiator, lanes: new Map(), iceServers })
    openConnection(link, 0)
  }

  function openConnection(link: number, lane: number): void {
    const { isInitiator, iceServers, lanes } = links.get(link)!
    // The initiator offers and the other answers: libdatachannel knows no rollback, so that glare must not come about.
    const connection = new rtc.PeerConnection(`${link}.${lane}`, {
      iceServers: nativeIceServers(iceServers),
      disableAutoNegotiation: true,
    })
    const made: Connection = { lane, connection, early: [], held: [], isDescribed: false }
    lanes.set(lane, made)
    /** A native callback may still be under way when its link is closed. */
    const tell = (event: HostEvent): void => {
      if (links.has(link)) post(event)
    }
    connection.onLocalDescription((sdp, type) => {
      if (type === 'offer' || type === 'answer')
        tell({ type: 'signal-made', link, signal: ofLane(lane, { type: 'description', sdpType: type, sdp }) })
    })
    connection.onLocalCandidate((candidate, sdpMid) => {
      const signal = ofLane(lane, { type: 'candidate', candidate, sdpMid, sdpMLineIndex: 0 })
      // An answerer that knows them starts DTLS before its answer is here, and this side then refuses a certificate whose
      // fingerprint it has not read yet ("certificate verify failed"), or drops the first flight, which costs a second.
      if (isInitiator && !made.isDescribed) made.held.push(signal)
      else tell({ type: 'signal-made', link, signal })
    })
    connection.onStateChange(word => {
      const state = word as RTCPeerConnectionState
      tell(lane === 0 ? { type: 'connection-changed', link, state } : { type: 'connection-changed', link, lane, state })
    })
    for (const { name, id } of channelsOf(lane)) {
      // Frames are reliable, but a lost packet holds up only its own message.
      const channel = connection.createDataChannel(name, { negotiated: true, id, unordered: name !== 'control' })
      post({ type: 'channel-made-here', link, name, channel: wrapNativeChannel(channel) })
    }
    if (isInitiator) connection.setLocalDescription('offer')
  }

  function openLanes(
    { link: number, count, iceServers }: Extract<HostCommand, { type: 'open-lanes' }>,
    link: HostLink,
  ) {
    link.iceServers = iceServers
    for (let lane = 1; lane <= count; lane++) openLane(number, link, lane)
  }

  function openLane(number: number, link: HostLink, lane: number): void {
    if (lane < 1 || lane > maxLanes || link.lanes.has(lane)) return
    try {
      openConnection(number, lane)
    } catch {
      // The link goes on with the connections that it has.
    }
  }

  function accept(number: number, link: HostLink, signal: HostSignal): void {
    const lane = signal.lane ?? 0
    // A lane begins at this side with the other side's offer of it.
    if (lane > 0 && !link.isInitiator && signal.type === 'description') openLane(number, link, lane)
    const to = link.lanes.get(lane)
    if (!to) return
    if (signal.type === 'description') {
      // A restart's offer from a browser: this library keeps its one ICE session, and the link's deadline decides.
      if (to.isDescribed || (signal.sdpType === 'offer') === link.isInitiator) return
      to.connection.setRemoteDescription(asActiveOfferer(signal.sdp), signal.sdpType)
      to.isDescribed = true
      if (signal.sdpType === 'offer') to.connection.setLocalDescription('answer')
      for (const held of to.held.splice(0)) post({ type: 'signal-made', link: number, signal: held })
      for (const early of to.early.splice(0)) accept(number, link, early)
    } else if (!to.isDescribed) to.early.push(signal)
    else if (signal.candidate !== '') addCandidate(to, signal.candidate, signal.sdpMid ?? '0')
  }

  function addCandidate({ connection }: Connection, candidate: string, mid: string): void {
    try {
      connection.addRemoteCandidate(candidate, mid)
    } catch {
      // One that this library cannot use (a name of mDNS, TCP): others may do, and the connect deadline decides.
    }
  }

  function shut(link: number): void {
    const closing = links.get(link)
    links.delete(link)
    for (const { connection } of closing?.lanes.values() ?? []) connection.close()
  }

  port.onmessage = ({ data: command }) => {
    const link = links.get(command.link)
    try {
      if (command.type === 'open-link') open(command)
      else if (command.type === 'open-lanes' && link) openLanes(command, link)
      else if (command.type === 'signal-arrived' && link) accept(command.link, link, command.signal)
      else if (command.type === 'close-link') shut(command.link)
    } catch (fault) {
      fail(command.link, fault)
    }
  }

  return {
    close() {
      for (const link of [...links.keys()]) {
        shut(link)
        // A connection that is closed here tells nobody here.
        post({ type: 'connection-changed', link, state: 'closed' })
      }
      port.close()
    },
  }
}

const ofLane = (lane: number, signal: HostSignal): HostSignal => (lane === 0 ? signal : { ...signal, lane })

/**
 * The offer as if it had asked to open DTLS, which leaves the answerer to wait. This library's answerer opens it otherwise, and by ICE
 * the answerer is connected first: its first flight then met a side that was not ready, and DTLS sends again after a second only.
 */
function asActiveOfferer(sdp: string): string {
  return sdp.replace(/^a=setup:actpass/gm, 'a=setup:active')
}
