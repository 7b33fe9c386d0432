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
  close(): Promise<void>
}
