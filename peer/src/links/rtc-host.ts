/**
 * The page's half of the transport: makes RTCPeerConnections when the worker asks, and hands their channels to it before they open
 * (or passes messages on, where the browser cannot transfer channels). It knows no peers, no frames and no epochs.
 */
import { type ChannelName, channelIds, type HostCommand, type HostEvent } from './host-protocol.ts'
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

interface HostLink {
  readonly connection: RTCPeerConnection
  readonly negotiation: Negotiation
  readonly proxies: Map<ChannelName, (data: string | ArrayBuffer) => void>
}

export function createRtcHost({ port, transferChannels = 'where-possible' }: RtcHostOptions): RtcHost {
  const links = new Map<number, HostLink>()
  let canTransfer = transferChannels !== 'never'
  const post = (event: HostEvent, transfer: Transferable[] = []): void => port.postMessage(event, transfer)

  function handOver(link: number, name: ChannelName, channel: RTCDataChannel): HostLink['proxies'] {
    if (canTransfer) {
      try {
        // RTCDataChannel is transferable in Chrome 130, Safari 15, Firefox 144; lib.dom does not list it yet.
        post({ type: 'channel-transferred', link, name, channel }, [channel as unknown as Transferable])
        return new Map()
      } catch {
        canTransfer = false
      }
    }
    post({ type: 'channel-proxied', link, name })
    return new Map([[name, serveProxy(link, name, channel)]])
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
    const fail = (fault: unknown): void => post({ type: 'link-failed', link, message: String(fault) })
    try {
      const connection = new RTCPeerConnection({ iceServers: iceServers as RTCIceServer[] })
      const negotiation = negotiate({
        connection,
        isInitiator,
        emit: signal => post({ type: 'signal-made', link, signal }),
        onFault: fail,
      })
      connection.onconnectionstatechange = () => {
        post({ type: 'connection-changed', link, state: connection.connectionState })
      }
      const control = connection.createDataChannel('control', { negotiated: true, id: channelIds.control })
      const controlProxy = handOver(link, 'control', control)
      const frames = connection.createDataChannel('frames', {
        negotiated: true,
        id: channelIds.frames,
        // Reliable, but a lost packet holds up only its own message.
        ordered: false,
      })
      const proxies = new Map([...controlProxy, ...handOver(link, 'frames', frames)])
      links.set(link, { connection, negotiation, proxies })
    } catch (fault) {
      fail(fault)
    }
  }

  function shut(link: number): void {
    links.get(link)?.connection.close()
    links.delete(link)
  }

  port.onmessage = ({ data: command }: MessageEvent<HostCommand>) => {
    const link = links.get(command.link)
    switch (command.type) {
      case 'open-link':
        open(command)
        break
      case 'signal-arrived':
        link?.negotiation.accept(command.signal)
        break
      case 'set-ice-servers':
        link?.connection.setConfiguration({ iceServers: command.iceServers as RTCIceServer[] })
        break
      case 'restart-ice':
        link?.connection.restartIce()
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
