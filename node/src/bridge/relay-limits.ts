/** What a relay lets each of its members do, in one place; docs/decisions/axl.md tells where the figures come from. */

export interface RelayLimits {
  /** What one source has waiting for one member. */
  readonly laneBytes: number
  /** What one source has waiting in all. */
  readonly sourceBytes: number
  readonly bytesPerSecond: number
  readonly burstBytes: number
  readonly datagramsPerSecond: number
  readonly burstDatagrams: number
  /** What all daemons together may send that are no member's by AXL's header, a second and at once. */
  readonly strangerBytesPerSecond: number
  readonly strangerBurstBytes: number
  readonly strangerDatagramsPerSecond: number
  readonly strangerBurstDatagrams: number
  /** Refused bytes of one member's link after which the link is closed. */
  readonly linkRefusedBytes: number
  /** How much of that is forgiven in a second. */
  readonly forgivenBytesPerSecond: number
  /** After a parcel was passed on the daemon is polled tightly for so long. */
  readonly busyMs: number
  /** Between two reports to the desk, where there is news. */
  readonly reportEveryMs: number
}

export const defaultRelayLimits: RelayLimits = {
  // A sealed session has 32 datagrams of 128 KiB under way at most.
  laneBytes: 4 << 20,
  sourceBytes: 8 << 20,
  bytesPerSecond: 64 << 20,
  burstBytes: 16 << 20,
  datagramsPerSecond: 20_000,
  burstDatagrams: 5000,
  // Enough for a few small rings, should the header be other than we were told; too little to harm anybody.
  strangerBytesPerSecond: 256 << 10,
  strangerBurstBytes: 512 << 10,
  strangerDatagramsPerSecond: 100,
  strangerBurstDatagrams: 200,
  linkRefusedBytes: 64 << 20,
  // All of it in 17 minutes: a burst now and then, over days, shuts nobody out.
  forgivenBytesPerSecond: 64 << 10,
  // Several tokens of the slowest ring.
  busyMs: 2000,
  reportEveryMs: 3000,
}
