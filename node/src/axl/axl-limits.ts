/** What the AXL side allows and waits for, in one place; docs/decisions/axl.md tells where the figures come from. */

export interface AxlLimits {
  /** Between two looks at an empty queue while an answer is due. */
  readonly busyPollMs: number
  /** The longest that an idle peer looks away. */
  readonly idlePollMs: number
  /** Between two attempts while the daemon is down, doubling from the first to the last. */
  readonly firstRetryMs: number
  readonly lastRetryMs: number
  /** `/send` calls under way to one daemon. */
  readonly sendsAtOnce: number
  /** The same to the daemon of a relay, to which every member of its ring sends. */
  readonly relaySendsAtOnce: number
  /** What waits for one daemon; the oldest goes first. */
  readonly queueBytes: number
}

export const defaultAxlLimits: AxlLimits = {
  busyPollMs: 1,
  idlePollMs: 50,
  firstRetryMs: 100,
  // What arrived meanwhile waits for the next attempt; to be refused on loopback costs nothing.
  lastRetryMs: 500,
  // One that lost its first packet dials for a second: with one at a time, everything behind it waited as long.
  sendsAtOnce: 4,
  // A daemon takes 128 inbound connections: 33 members with four each would be over, 64 with two are not.
  relaySendsAtOnce: 2,
  queueBytes: 4 << 20,
}
