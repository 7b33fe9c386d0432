/** The sealed links as the combined transport takes them: which carrier reaches each peer of an assignment. It opens no carrier. */
import type { DatagramCarrier } from '@computepool/shared/ports'
import type { LinkPath, LinkRoute } from '@computepool/shared/wire'
import type { PathMember } from '../links/path-member.ts'
import type { SealedRoute, SealedTransport } from './sealed-transport.ts'

/** A carrier that knows the ways of an assignment. */
export interface RoutedCarrier extends DatagramCarrier {
  setRoutes(routes: readonly LinkRoute[]): void
}

export interface SealedMemberOptions {
  readonly sealed: SealedTransport
  /** Straight to daemons, and through relays that have one. */
  readonly axl: RoutedCarrier | null
  /** Through relays over links to them. */
  readonly relay: RoutedCarrier | null
}

/** Closes the carriers with the transport. */
export function sealedMember({ sealed, axl, relay }: SealedMemberOptions): PathMember {
  const carrierOf = (path: LinkPath): RoutedCarrier | null => {
    if (path.kind === 'webrtc') return null
    return path.kind === 'axl' || path.key !== null ? axl : relay
  }
  return {
    transport: sealed,
    takes: path => carrierOf(path) !== null,
    setRoutes({ epoch, routes }) {
      const wanted = routes.flatMap(({ peer, paths, secret }): SealedRoute[] => {
        // One session a peer: a carrier takes its other ways to the same peer by itself.
        const path = paths.find(each => carrierOf(each) !== null)
        const [carrier, ...spares] = new Set(paths.flatMap(each => carrierOf(each) ?? []))
        return path && carrier ? [{ peer, kind: path.kind === 'axl' ? 'axl' : 'relay', secret, carrier, spares }] : []
      })
      // First, while the carriers still reach whom it leaves: the farewell is posted at once, an opening only after its signature.
      sealed.setRoutes({ epoch, routes: wanted })
      axl?.setRoutes(routes)
      relay?.setRoutes(routes)
    },
    dropPeer: peer => sealed.dropPeer(peer),
    async close() {
      await sealed.close()
      await Promise.all([axl?.close(), relay?.close()])
    },
  }
}
