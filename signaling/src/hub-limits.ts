/** What the hub allows, in one place; docs/protocol.md repeats the defaults. */
import type { Rate } from './token-bucket.ts'

export interface HubLimits {
  /** From the socket's opening to `hello`. */
  readonly helloDeadlineMs: number
  /** From the challenge to the signature: a person may have to find the wallet's window. */
  readonly challengeLifetimeMs: number
  /** A peer that sends nothing for so long is forgotten; tabs ping three times as often. */
  readonly silenceLimitMs: number
  readonly maxMessageBytes: number
  readonly maxPeers: number
  /** Sockets of one network address, authenticated or not. */
  readonly maxLinksPerAddress: number
  /** Sockets opened and hellos said, per network address. */
  readonly helloRate: Rate
  /** Everything an authenticated peer sends; an entry reports every token it generates. */
  readonly messageRate: Rate
  /** SDP and candidates of one peer; the burst is for a relay or a seat that opens links to a full coalition at once. */
  readonly signalRate: Rate
}

export const defaultHubLimits: HubLimits = {
  helloDeadlineMs: 10_000,
  challengeLifetimeMs: 120_000,
  silenceLimitMs: 30_000,
  maxMessageBytes: 65_536,
  maxPeers: 1000,
  maxLinksPerAddress: 128,
  helloRate: { burst: 200, perSecond: 10 },
  messageRate: { burst: 4000, perSecond: 2000 },
  signalRate: { burst: 2000, perSecond: 50 },
}
