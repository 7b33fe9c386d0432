/** By which networks a headless peer is reached, and the transport over them. It knows no frames and no desk. */
import { hostClock } from '@computepool/peer/host.ts'
import { rtcPeerTransport } from '@computepool/peer/links/rtc-peer-transport.ts'
import type { PeerTransport } from '@computepool/peer/runtime/peer-powers.ts'
import type { PeerId, Reach } from '@computepool/shared/wire'
import { createNodeRtc } from '../links/node-rtc.ts'
import type { NodeSettings } from './node-settings.ts'

export interface NodeReach {
  /** What the orchestrator is told. */
  readonly reach: Reach
  openTransport(self: string): PeerTransport
}

export async function openReach(_settings: Pick<NodeSettings, 'axlUrl' | 'usesWebRtc'>): Promise<NodeReach> {
  return {
    reach: { webrtc: true, axl: null },
    openTransport: self => rtcPeerTransport(self as PeerId, createNodeRtc({ self: self as PeerId, clock: hostClock })),
  }
}
