/** The transport over WebRTC as the peer runtime takes it: from an assignment's routes to the links of it. It knows no other network. */
import type { PeerId } from '@computepool/shared/wire'
import type { PeerTransport } from '../runtime/peer-powers.ts'
import type { PeerLink, RtcTransport } from './rtc-transport.ts'

/** Opens a link to each peer whose route has a `webrtc` path. */
export function rtcPeerTransport(self: PeerId, rtc: RtcTransport): PeerTransport {
  let links: PeerLink[] = []
  let current = 0
  return {
    ...rtc,
    setRoutes({ epoch, routes }) {
      current = epoch
      links = routes
        .filter(({ paths }) => paths.some(({ kind }) => kind === 'webrtc'))
        // Both ends must agree on who offers.
        .map(({ peer }) => ({ peer, isInitiator: self < peer }))
      rtc.setPeers(links, epoch)
    },
    handleSignal: (from, signal) => rtc.handleSignal(from as PeerId, signal),
    dropPeer(peer) {
      links = links.filter(link => link.peer !== peer)
      rtc.setPeers(links, current)
    },
  }
}
