/** Who may talk to whom: members of one coalition. It knows no sockets. */
import type { PeerId } from '@computepool/shared/wire'

export interface Coalitions {
  set(id: string, peers: readonly PeerId[]): void
  areTogether(a: PeerId, b: PeerId): boolean
}

export function createCoalitions(): Coalitions {
  const members = new Map<string, ReadonlySet<PeerId>>()
  const coalitionsOf = new Map<PeerId, Set<string>>()
  return {
    set(id, peers) {
      for (const peer of members.get(id) ?? []) {
        const ids = coalitionsOf.get(peer)
        ids?.delete(id)
        if (ids?.size === 0) coalitionsOf.delete(peer)
      }
      members.delete(id)
      if (peers.length === 0) return
      members.set(id, new Set(peers))
      for (const peer of peers) {
        const ids = coalitionsOf.get(peer) ?? new Set()
        ids.add(id)
        coalitionsOf.set(peer, ids)
      }
    },
    areTogether(a, b) {
      if (a === b) return false
      for (const id of coalitionsOf.get(a) ?? []) if (members.get(id)?.has(b)) return true
      return false
    },
  }
}
