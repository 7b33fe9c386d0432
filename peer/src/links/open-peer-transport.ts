/** The transport of one peer, whatever networks it has: data channels, an AXL daemon, relays. Tab and headless peer share it. */
import type { Clock, Entropy } from '@computepool/shared/ports'
import type { PeerId } from '@computepool/shared/wire'
import type { PeerKey } from '../runtime/peer-powers.ts'
import { createRelayCarrier } from '../sealed/relay-carrier.ts'
import type { SealedLimits } from '../sealed/sealed-limits.ts'
import { type RoutedCarrier, sealedMember } from '../sealed/sealed-member.ts'
import { createSealedTransport } from '../sealed/sealed-transport.ts'
import { type CombinedTransport, combineTransports } from './combine-transports.ts'
import { webrtcMember } from './path-member.ts'
import type { RtcTransport } from './rtc-transport.ts'

export interface PeerTransportOptions {
  readonly self: PeerId
  /** The wallet in `self`. */
  readonly key: Pick<PeerKey, 'sign'>
  readonly clock: Clock
  readonly entropy: Entropy
  /** Null: no data channels, and no relays that are reached by them. */
  readonly rtc: RtcTransport | null
  /** Null: no AXL daemon. */
  readonly axl: RoutedCarrier | null
  readonly limits?: Partial<SealedLimits>
}

/** Closes `rtc` and `axl` with it. */
export function openPeerTransport(options: PeerTransportOptions): CombinedTransport {
  const { self, clock, rtc, axl } = options
  const relay = rtc && createRelayCarrier({ self, links: rtc })
  const sealed = createSealedTransport(options)
  return combineTransports({
    clock,
    signals: rtc,
    members: [sealedMember({ sealed, axl, relay }), ...(rtc ? [webrtcMember({ self, rtc, linksRelays: true })] : [])],
  })
}
