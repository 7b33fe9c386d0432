/**
 * The page's half of the transport: makes RTCPeerConnections when the worker asks, and hands their channels to it before they open
 * (or passes messages on, where the browser cannot transfer channels). It knows no peers, no frames and no epochs.
 */
import {
  type ChannelName,
  channelsOf,
  type HostCommand,
  type HostEvent,
  type HostSignal,
  type IceServer,
  maxLanes,
} from './host-protocol.ts'
import { lowWaterBytes } from './link-channel.ts'
import { type Negotiation, negotiate } from './negotiate.ts'

export interface RtcHostOptions {
  /** The other end of the worker's port. */
  readonly port: MessagePort
  /** 'never' keeps channels on the page's thread: for browsers whose transfer is broken, and for tests. */
  readonly transferChannels?: 'where-possible' | 'never'
}

export interface RtcHost {
  /** Closes all connections and the port. Idempotent. */
  close(): void
}

interface Connection {
  readonly connection: RTCPeerConnection
  readonly negotiation: Negotiation
}

interface HostLink {
  readonly isInitiator: boolean
  /** By lane; 0 is the link's first. */
  readonly lanes: Map<number, Connection>
  readonly proxies: Map<ChannelName, (data: string | ArrayBuffer) => void>
  iceServers: readonly IceServer[]
}

export function createRtcHost({ port, transferChannels = 'where-possible' }: RtcHostOptions): RtcHost {
  const links = new Map<number, HostLink>()
  let canTransfer = transferChannels !== 'never'
  const post = (event: HostEvent, transfer: Transferable[] = []): void => port.postMessage(event, transfer)

  function handOver(link: number, name: ChannelName, channel: RTCDataChannel): void {
    if (canTransfer) {
      try {
        // RTCDataChannel is transferable in Chrome 130, Safari 15, Firefox 144; lib.dom does not list it yet.
        post({ type: 'channel-transferred', link, name, channel }, [channel as unknown as Transferable])
        return
      } catch {
        canTransfer = false
      }
    }
    post({ type: 'channel-proxied', link, name })
    links.get(link)?.proxies.set(name, serveProxy(link, name, channel))
  }

  function serveProxy(link: number, name: ChannelName, channel: RTCDataChannel): (data: string | ArrayBuffer) => void {
    const tell = (event: Extract<HostEvent, { type: 'proxy-event' }>['event'], transfer: Transferable[] = []): void =>
      post({ type: 'proxy-event', link, channel: name, event }, transfer)
    let takenBytes = 0
    const tellDrained = (): void => tell({ type: 'drained', sentBytes: takenBytes - channel.bufferedAmount })
    channel.binaryType = 'arraybuffer'
    channel.bufferedAmountLowThreshold = lowWaterBytes
    channel.onopen = () => tell({ type: 'opened' })
    channel.onclose = () => tell({ type: 'closed' })
    channel.onbufferedamountlow = tellDrained
    channel.onmessage = ({ data }) => tell({ type: 'received', data }, data instanceof ArrayBuffer ? [data] : [])
    return data => {
      if (channel.readyState !== 'open') return
      takenBytes += typeof data === 'string' ? data.length : data.byteLength
      if (typeof data === 'string') channel.send(data)
      else channel.send(data)
      if (channel.bufferedAmount <= lowWaterBytes) tellDrained()
    }
  }

  function open({ link, isInitiator, iceServers }: Extract<HostCommand, { type: 'open-link' }>): void {
    links.set(link, { isInitiator, lanes: new Map(), proxies: new Map(), iceServers })
    try {
      openConnection(link, 0)
    } catch (fault) {
      post({ type: 'link-failed', link, message: String(fault) })
    }
  }

  function openConnection(link: number, lane: number): void {
    const { isInitiator, iceServers, lanes } = links.get(link)!
    // A lane that does not come up is one less; the link is its first connection.
    const fail = (fault: unknown): void => {
      if (lane === 0) post({ type: 'link-failed', link, message: String(fault) })
    }
    const connection = new RTCPeerConnection({ iceServers: iceServers as RTCIceServer[] })
    const negotiation = negotiate({
      connection,
      isInitiator,
      emit: signal => post({ type: 'signal-made', link, signal: lane === 0 ? signal : { ...signal, lane } }),
      onFault: fail,
    })
    connection.onconnectionstatechange = () => {
      const state = connection.connectionState
      post(lane === 0 ? { type: 'connection-changed', link, state } : { type: 'connection-changed', link, lane, state })
      if (lane > 0 && (state === 'disconnected' || state === 'failed')) connection.restartIce()
    }
    lanes.set(lane, { connection, negotiation })
    for (const { name, id } of channelsOf(lane)) {
      // Frames are reliable, but a lost packet holds up only its own message.
      handOver(link, name, connection.createDataChannel(name, { negotiated: true, id, ordered: name === 'control' }))
    }
  }

  function openLane(number: number, link: HostLink, lane: number): void {
    if (lane < 1 || lane > maxLanes || link.lanes.has(lane)) return
    try {
      openConnection(number, lane)
    } catch {
      // The browser allows no more connections: the link goes on with those that it has.
    }
  }

  function accept(number: number, link: HostLink, { lane = 0, ...signal }: HostSignal): void {
    // A lane begins at this side with the other side's offer of it.
    if (lane > 0 && !link.isInitiator && signal.type === 'description') openLane(number, link, lane)
    link.lanes.get(lane)?.negotiation.accept(signal)
  }

  function shut(link: number): void {
    for (const { connection } of links.get(link)?.lanes.values() ?? []) connection.close()
    links.delete(link)
  }

  port.onmessage = ({ data: command }: MessageEvent<HostCommand>) => {
    const link = links.get(command.link)
    switch (command.type) {
      case 'open-link':
        open(command)
        break
      case 'open-lanes':
        if (!link) break
        link.iceServers = command.iceServers
        for (let lane = 1; lane <= command.count; lane++) openLane(command.link, link, lane)
        break
      case 'signal-arrived':
        if (link) accept(command.link, link, command.signal)
        break
      case 'set-ice-servers':
        if (!link) break
        link.iceServers = command.iceServers
        for (const { connection } of link.lanes.values())
          connection.setConfiguration({ iceServers: command.iceServers as RTCIceServer[] })
        break
      case 'restart-ice':
        link?.lanes.get(0)?.connection.restartIce()
        break
      case 'close-link':
        shut(command.link)
        break
      case 'send-by-proxy':
        link?.proxies.get(command.channel)?.(command.data)
        break
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
