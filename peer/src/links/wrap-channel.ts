/** The two kinds of LinkChannel: a data channel that lives in this thread, and a stand-in for one on the page's thread. */
import type { HostEvent } from './host-protocol.ts'
import { type ChannelHandlers, type LinkChannel, lowWaterBytes } from './link-channel.ts'

/** A channel that was transferred here (or made here). */
export function wrapDataChannel(channel: RTCDataChannel): LinkChannel {
  channel.binaryType = 'arraybuffer'
  channel.bufferedAmountLowThreshold = lowWaterBytes
  return {
    get isOpen() {
      return channel.readyState === 'open'
    },
    get bufferedBytes() {
      return channel.bufferedAmount
    },
    send(data) {
      if (typeof data === 'string') channel.send(data)
      else channel.send(data)
    },
    listen(handlers) {
      channel.onopen = () => handlers.opened()
      channel.onmessage = ({ data }) => handlers.received(data)
      channel.onbufferedamountlow = () => handlers.drained()
      channel.onclose = () => handlers.closed()
      // It may have opened or closed between its transfer and now.
      if (channel.readyState === 'open') handlers.opened()
      else if (channel.readyState === 'closed') handlers.closed()
    },
  }
}

export type ProxyEvent = Extract<HostEvent, { type: 'proxy-event' }>['event']

export interface ProxiedChannel {
  readonly channel: LinkChannel
  /** What the page's thread told of the channel. */
  accept(event: ProxyEvent): void
}

/** A channel that stays on the page's thread; `post` sends data there. */
export function proxyChannel(post: (data: string | ArrayBuffer) => void): ProxiedChannel {
  let isOpen = false
  let postedBytes = 0
  let sentBytes = 0
  let handlers: ChannelHandlers | null = null
  const early: ProxyEvent[] = []

  function accept(event: ProxyEvent): void {
    if (event.type === 'opened') isOpen = true
    if (event.type === 'closed') isOpen = false
    if (event.type === 'drained') sentBytes = event.sentBytes
    if (!handlers) early.push(event)
    else if (event.type === 'received') handlers.received(event.data)
    else if (event.type !== 'drained') handlers[event.type]()
    else if (postedBytes - sentBytes <= lowWaterBytes) handlers.drained()
  }
  return {
    accept,
    channel: {
      get isOpen() {
        return isOpen
      },
      get bufferedBytes() {
        return postedBytes - sentBytes
      },
      send(data) {
        if (!isOpen) throw new DOMException('The channel is not open', 'InvalidStateError')
        postedBytes += data.length
        if (typeof data === 'string') post(data)
        else post(data.byteLength === data.buffer.byteLength ? data.buffer : data.slice().buffer)
      },
      listen(given) {
        handlers = given
        for (const event of early.splice(0)) accept(event)
      },
    },
  }
}
