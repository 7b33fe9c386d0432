/** By which networks a headless peer is reached, and the transport over them. It knows no frames and no desk. */
import { hostClock, hostEntropy } from '@computepool/peer/host.ts'
import type { CombinedTransport } from '@computepool/peer/links/combine-transports.ts'
import { openPeerTransport } from '@computepool/peer/links/open-peer-transport.ts'
import type { PeerKey } from '@computepool/peer/runtime/peer-powers.ts'
import type { PeerId, Reach } from '@computepool/shared/wire'
import { type AxlCarrier, createAxlCarrier } from '../axl/axl-carrier.ts'
import { createAxlClient } from '../axl/axl-client.ts'
import { createNodeRtc } from '../links/node-rtc.ts'
import type { NodeSettings } from './node-settings.ts'

export interface NodeReach {
  /** What the orchestrator is told; another value once the AXL daemon came back with another key. */
  readonly reach: Reach
  /** Once. */
  openTransport(self: string, key: Pick<PeerKey, 'sign'>): CombinedTransport
  /** Null without AXL, and before the transport is opened. */
  readonly axl: AxlCarrier | null
}

/** Errors: those of `AxlClient.topology`, where AXL is asked for and its daemon does not answer. */
export async function openReach(
  { axlUrl, usesWebRtc }: Pick<NodeSettings, 'axlUrl' | 'usesWebRtc'>,
  onNotice: (text: string) => void,
  /** The orchestrator knows a key that reaches nobody: tell it anew. */
  onReachChanged: () => void = () => {},
): Promise<NodeReach> {
  const client = axlUrl === null ? null : createAxlClient({ url: axlUrl })
  let axlKey = client === null ? null : (await client.topology()).key
  const clock = hostClock
  let axl: AxlCarrier | null = null
  return {
    get reach() {
      return { webrtc: usesWebRtc, axl: axlKey }
    },
    openTransport(peer, key) {
      const self = peer as PeerId
      axl =
        client &&
        createAxlCarrier({
          self,
          client,
          clock,
          onNotice,
          ...(axlKey === null ? {} : { key: axlKey }),
          onKeyChanged(key) {
            axlKey = key
            onReachChanged()
          },
        })
      return openPeerTransport({
        self,
        key,
        clock,
        entropy: hostEntropy,
        rtc: usesWebRtc ? createNodeRtc({ self, clock }) : null,
        axl,
      })
    },
    get axl() {
      return axl
    },
  }
}
