/**
 * Carries what a relay has for its members to them, over a link or to a daemon, a few parcels at a time for each, so that a slow member holds
 * up nobody else. It knows no identities and no caps.
 */
import { encodeParcel } from '@computepool/shared/datagram'
import { asComputePoolError, type ComputePoolError } from '@computepool/shared/errors'
import type { PeerId } from '@computepool/shared/wire'
import { defaultAxlLimits } from '../axl/axl-limits.ts'
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

/** A link has its own queue and holds back; a daemon dials for each parcel, and some dials take long. */
const atOnce = ({ axl }: RelayMember): number => (axl === null ? 1 : defaultAxlLimits.sendsAtOnce)

export function createRelayPumps({ relay, sendByLink, sendByAxl, onLost }: RelayPumpsOptions): RelayPumps {
  const running = new Map<PeerId, number>()
  const findMember = (peer: PeerId): RelayMember | undefined => relay.members.find(known => known.peer === peer)
  const counts = { sent: 0, lost: 0 }

  async function pump(peer: PeerId): Promise<void> {
    // What arrives in one turn of the event loop leaves in one parcel.
    await new Promise(resolve => setImmediate(resolve))
    for (;;) {
      const member = findMember(peer)
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
        const member = findMember(peer)
        const pumps = running.get(peer) ?? 0
        if (member === undefined || pumps >= atOnce(member)) continue
        running.set(peer, pumps + 1)
        void pump(peer).finally(() => {
          const left = (running.get(peer) ?? 1) - 1
          if (left === 0) running.delete(peer)
          else running.set(peer, left)
        })
      }
    },
  }
}
