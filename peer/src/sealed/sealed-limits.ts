/** What sealed links allow and wait for, in one place; docs/protocol.md repeats the defaults. */

export interface SealedLimits {
  readonly maxFrameBytes: number
  /** Unfinished frames of one peer together, as announced, beside the largest frame. */
  readonly maxPendingBytes: number
  /** From `setRoutes` to an open link. */
  readonly connectDeadlineMs: number
  /** Nothing heard, while this side was awake and asking. Long, as WebRTC's: a slice that loads, or a step on a slow engine, may hold up the other side's thread. */
  readonly silenceLimitMs: number
  /** The same while frames pass and the other side was prompt before; longer where its steps take long, and after a pause. Daemons pause for seconds. */
  readonly busySilenceLimitMs: number
  /** Nothing heard, and the carrier took nothing: it knows by itself that the other side cannot be reached. */
  readonly unreachableLimitMs: number
  /** Between two pings of an idle link. */
  readonly pingIntervalMs: number
  /** The longest that an ack waits for something to travel with. */
  readonly maxAckDelayMs: number
  /** Packets that are acknowledged at once, together. */
  readonly ackEveryPackets: number
  /** Packets under way to one peer. */
  readonly maxWindow: number
  /** Messages that may wait for this peer, of all its links together: an AXL daemon drops the oldest of 100 without a word. */
  readonly sharedQueuePackets: number
  /** Bytes of a frame in one packet. */
  readonly segmentBytes: number
  /** From a frame's first segment to its last. */
  readonly reassemblyDeadlineMs: number
  /** The link asks its carrier to poll tightly for so long after a frame. */
  readonly busyForMs: number
}

export const defaultSealedLimits: SealedLimits = {
  maxFrameBytes: 64 << 20,
  maxPendingBytes: 64 << 20,
  connectDeadlineMs: 20_000,
  silenceLimitMs: 60_000,
  busySilenceLimitMs: 8000,
  unreachableLimitMs: 8000,
  pingIntervalMs: 1000,
  maxAckDelayMs: 15,
  ackEveryPackets: 4,
  maxWindow: 32,
  sharedQueuePackets: 80,
  segmentBytes: 60 << 10,
  reassemblyDeadlineMs: 120_000,
  busyForMs: 2000,
}
