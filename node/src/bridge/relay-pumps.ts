/**
 * Carries what a relay has for its members to them: one parcel at a time for each, over its link or to its daemon, so that a slow member
 * holds up nobody else. It knows no identities and no caps.
 */
import { encodeParcel } from '@computepool/shared/datagram'
import { asComputePoolError, type ComputePoolError } from '@computepool/shared/errors'
import type { PeerId } from '@computepool/shared/wire'
import type { Relay, RelayMember } from './create-relay.ts'

export interface RelayPumpsOptions {
  readonly relay: Relay
  readonly sendByLink: (peer: PeerId, parcel: Uint8Array) => Promise<void>
  readonly sendByAxl: (key: string, parcel: Uint8Array) => Promise<void>
  /** A parcel that could not be handed over: lost, as datagrams are. */
  readonly onLost: (member: RelayMember, error: ComputePoolError) => void
}

export interface RelayPumps {
  readonly counts: { readonly sent: number; readonly lost: number }
  wake(members: readonly PeerId[]): void
}

export function createRelayPumps({ relay, sendByLink, sendByAxl, onLost }: RelayPumpsOptions): RelayPumps {
  const running = new Set<PeerId>()
  const counts = { sent: 0, lost: 0 }

  async function pump(peer: PeerId): Promise<void> {
    // What arrives in one turn of the event loop leaves in one parcel.
    await new Promise(resolve => setImmediate(resolve))
    for (;;) {
      const member = relay.members.find(known => known.peer === peer)
      const entries = relay.take(peer)
      if (member === undefined || entries.length === 0) return
      try {
        const parcel = encodeParcel(entries)
        await (member.axl === null ? sendByLink(peer, parcel) : sendByAxl(member.axl, parcel))
        counts.sent += 1
      } catch (thrown) {
        counts.lost += 1
        onLost(member, asComputePoolError(thrown, 'peer_unreachable'))
      }
    }
  }

  return {
    counts,
    wake(members) {
      for (const peer of members) {
        if (running.has(peer)) continue
        running.add(peer)
        void pump(peer).finally(() => running.delete(peer))
      }
    },
  }
}
