/** One network as the combined transport takes it: a transport, and which peers of an assignment it has a way to. WebRTC's is made here. */
import type { Transport } from '@computepool/shared/ports'
import type { AssignedRoute, LinkPath, PeerId } from '@computepool/shared/wire'
import type { PeerLink, RtcTransport } from './rtc-transport.ts'

export interface WantedRoutes {
  readonly epoch: number
  readonly routes: readonly AssignedRoute[]
}

export interface PathMember {
  readonly transport: Pick<Transport, 'send' | 'onFrame' | 'onLink' | 'links'>
  takes(path: LinkPath): boolean
  /** Opens a link to each peer that has a way here, and closes all others. */
  setRoutes(wanted: WantedRoutes): void
  dropPeer(peer: string): void
  close(): Promise<void>
}

export interface WebrtcMemberOptions {
  readonly self: PeerId
  readonly rtc: RtcTransport
  /** Links to relays too: somebody carries datagrams over these. */
  readonly linksRelays: boolean
}

export function webrtcMember({ self, rtc, linksRelays }: WebrtcMemberOptions): PathMember {
  let links: PeerLink[] = []
  let current = 0
  // Both ends must agree on who offers.
  const linkTo = (peer: PeerId): PeerLink => ({ peer, isInitiator: self < peer })
  return {
    transport: rtc,
    takes: ({ kind }) => kind === 'webrtc',
    setRoutes({ epoch, routes }) {
      current = epoch
      const peers = routes.filter(({ paths }) => paths.some(({ kind }) => kind === 'webrtc')).map(({ peer }) => peer)
      const relays = linksRelays ? routes.flatMap(({ paths }) => paths.flatMap(relayOf)) : []
      links = [...new Set([...peers, ...relays])].map(linkTo)
      rtc.setPeers(links, epoch)
    },
    dropPeer(peer) {
      links = links.filter(link => link.peer !== peer)
      rtc.setPeers(links, current)
    },
    close: () => rtc.close(),
  }
}

/** A relay behind an AXL daemon is reached by its key, not by a link. */
const relayOf = (path: LinkPath): PeerId[] => (path.kind === 'relay' && path.key === null ? [path.via] : [])
