/** What the transport allows and waits for, in one place; docs/protocol.md repeats the defaults. */

export interface TransportLimits {
  readonly maxFrameBytes: number
  /** From `setPeers` to an open link. */
  readonly connectDeadlineMs: number
  /** How long a link may be without a path before it is closed; ICE is restarted meanwhile. */
  readonly disconnectDeadlineMs: number
  /** Nothing heard, not even a pong, while this side listened. Long, because a slice that loads, or a step on a slow engine, may hold up the other side's worker. */
  readonly silenceLimitMs: number
  /** The same while frames pass and the other side was prompt before; longer where its steps take long, and after a pause. */
  readonly busySilenceLimitMs: number
  readonly idlePingIntervalMs: number
  /** Not shorter: at 10 ms the engines of three tabs on two cores lost a quarter of their speed to it. */
  readonly busyPingIntervalMs: number
  /** Connections beside a link's first one, opened where the round trip is at least so long; 0: never. */
  readonly lanes: number
  readonly lanesFromRttMs: number
  /** From a frame's first fragment to its last. */
  readonly reassemblyDeadlineMs: number
}

export const defaultTransportLimits: TransportLimits = {
  maxFrameBytes: 64 << 20,
  connectDeadlineMs: 20_000,
  disconnectDeadlineMs: 8_000,
  silenceLimitMs: 60_000,
  busySilenceLimitMs: 5_000,
  idlePingIntervalMs: 400,
  busyPingIntervalMs: 100,
  lanes: 5,
  lanesFromRttMs: 20,
  reassemblyDeadlineMs: 30_000,
}
