/** The carrier port: small byte messages to peers over something that promises nothing. Reliability and secrecy are built above it. */

/**
 * Datagrams may be lost, re-ordered, delayed and doubled, and anybody may have sent them: `from` is what the message claims. Adapters: an
 * AXL daemon, a relay.
 */
export interface DatagramCarrier {
  /** Longest datagram that it takes. */
  readonly maxDatagramBytes: number
  /**
   * Resolves when the network below took it, which says nothing of its arrival. Errors: `peer_unreachable` where that network knows at once
   * that it cannot arrive, `peer_frame_too_large`, `peer_disconnected` after `close`.
   */
  post(to: string, datagram: Uint8Array): Promise<void>
  onDatagram(handler: (from: string, datagram: Uint8Array) => void): () => void
  /** While true an answer is expected soon: a carrier that polls, polls tightly. */
  setBusy(isBusy: boolean): void
  /** Nothing comes back from `to`: a carrier that knows another way to it takes that from now on. */
  passOver?(to: string): void
  /** The way that the next datagram to `to` takes, by a name of the carrier's own; null where there is none. */
  wayTo?(to: string): string | null
  /** What went over `way` arrived after all: the next datagram takes it again, where it is still a way to `to`. */
  goBack?(to: string, way: string): void
  close(): Promise<void>
}
