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
  /** What waits for one daemon; the oldest goes first. */
  readonly queueBytes: number
}

export const defaultAxlLimits: AxlLimits = {
  busyPollMs: 1,
  idlePollMs: 50,
  firstRetryMs: 100,
  lastRetryMs: 5000,
  // One that lost its first packet dials for a second: with one at a time, everything behind it waited as long.
  sendsAtOnce: 4,
  queueBytes: 4 << 20,
}
