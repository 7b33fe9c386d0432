/**
 * What the worker's transport and the page's connections say to each other over one MessagePort. RTCPeerConnection exists on the
 * page's thread only; everything else lives in the worker. Both ends are one page (or one process), so that nothing here is parsed.
 */
import type { LinkChannel } from './link-channel.ts'

/**
 * A link's first connection has a control channel and one for frames. Over distance it has more connections, the lanes, with one channel
 * for frames each: what one connection may have under way is little (see docs/decisions/distance.md).
 */
export type ChannelName = 'frames' | 'control' | LaneName
export type LaneName = `lane-${number}`
/** Both ends make their channels with these ids before the first offer: none has to be announced. */
const channelIds = { control: 0, frames: 1 } as const
/** Lanes beside the first connection that either end may ask for. */
export const maxLanes = 7

export function channelsOf(lane: number): readonly { readonly name: ChannelName; readonly id: number }[] {
  const frames = { name: lane === 0 ? 'frames' : (`lane-${lane}` as const), id: channelIds.frames } as const
  return lane === 0 ? [{ name: 'control', id: channelIds.control }, frames] : [frames]
}

/** A description or candidate without the link's numbers, which are the worker's business. `lane` is absent for the first connection. */
export type HostSignal =
  | {
      readonly type: 'description'
      readonly lane?: number | undefined
      readonly sdpType: 'offer' | 'answer'
      readonly sdp: string
    }
  | {
      readonly type: 'candidate'
      readonly lane?: number | undefined
      readonly candidate: string
      readonly sdpMid: string | null
      readonly sdpMLineIndex: number | null
    }

export interface IceServer {
  readonly urls: string[]
  readonly username?: string | undefined
  readonly credential?: string | undefined
}

/** Worker to page. `link` counts the connections that the worker asked for. */
export type HostCommand =
  | {
      readonly type: 'open-link'
      readonly link: number
      /** Makes the first offer, and wins where both offer at once. */
      readonly isInitiator: boolean
      readonly iceServers: readonly IceServer[]
    }
  /** Lanes 1 to `count`, of an open link, by the side that offers; the other side's host makes its own when it is offered one. */
  | {
      readonly type: 'open-lanes'
      readonly link: number
      readonly count: number
      readonly iceServers: readonly IceServer[]
    }
  | { readonly type: 'signal-arrived'; readonly link: number; readonly signal: HostSignal }
  /** From the next gathering of candidates on. */
  | { readonly type: 'set-ice-servers'; readonly link: number; readonly iceServers: readonly IceServer[] }
  | { readonly type: 'restart-ice'; readonly link: number }
  | { readonly type: 'close-link'; readonly link: number }
  | {
      readonly type: 'send-by-proxy'
      readonly link: number
      readonly channel: ChannelName
      readonly data: string | ArrayBuffer
    }

/** Page to worker. */
export type HostEvent =
  | { readonly type: 'signal-made'; readonly link: number; readonly signal: HostSignal }
  | {
      readonly type: 'channel-transferred'
      readonly link: number
      readonly name: ChannelName
      readonly channel: RTCDataChannel
    }
  /** Both halves live in one thread: the channel needs no transfer. */
  | {
      readonly type: 'channel-made-here'
      readonly link: number
      readonly name: ChannelName
      readonly channel: LinkChannel
    }
  /** The browser cannot transfer channels: the page's thread passes messages on. */
  | { readonly type: 'channel-proxied'; readonly link: number; readonly name: ChannelName }
  | {
      readonly type: 'proxy-event'
      readonly link: number
      readonly channel: ChannelName
      readonly event:
        | { readonly type: 'opened' | 'closed' }
        | { readonly type: 'received'; readonly data: string | ArrayBuffer }
        /** Bytes that have left the channel's buffer since it was opened. */
        | { readonly type: 'drained'; readonly sentBytes: number }
    }
  /** `lane` is absent for the first connection. */
  | {
      readonly type: 'connection-changed'
      readonly link: number
      readonly lane?: number
      readonly state: RTCPeerConnectionState
    }
  | { readonly type: 'link-failed'; readonly link: number; readonly message: string }
