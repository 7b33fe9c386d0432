/**
 * Polls a daemon's queue: drains it, looks again every millisecond while an answer is due, and less often the longer nothing came. It
 * knows no parcels; what a message is, and from whom, is the listener's business.
 */
import { asComputePoolError, type ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import type { AxlClient, AxlMessage } from './axl-client.ts'
import { type AxlLimits, defaultAxlLimits } from './axl-limits.ts'

export interface AxlInboxOptions {
  readonly client: Pick<AxlClient, 'recv'>
  readonly clock: Clock
  readonly onMessage: (message: AxlMessage) => void
  /** The daemon stopped answering; told once, until it answers again. */
  readonly onDown?: (error: ComputePoolError) => void
  readonly onUp?: () => void
  /** One of these handlers threw; the next message is read all the same. */
  readonly onFault?: (error: ComputePoolError) => void
  readonly limits?: Partial<AxlLimits>
}

export interface AxlInboxCounts {
  polls: number
  messages: number
  /** Over the cap: read no further, and gone. */
  tooLarge: number
  /** Polls without an answer. */
  failures: number
  /** Handlers that threw. */
  faults: number
}

export interface AxlInbox {
  readonly counts: Readonly<AxlInboxCounts>
  setBusy(isBusy: boolean): void
  /** Something happened that an answer may follow: look at once, and often for a while. */
  stir(): void
  /** Resolves when the last poll has ended. Idempotent. */
  close(): Promise<void>
}

/** A look adds at most this share to the silence before it. */
const shareOfSilence = 1 / 20

export function openAxlInbox(options: AxlInboxOptions): AxlInbox {
  const { client, clock, onMessage } = options
  const limits = { ...defaultAxlLimits, ...options.limits }
  const counts: AxlInboxCounts = { polls: 0, messages: 0, tooLarge: 0, failures: 0, faults: 0 }
  let isBusy = false
  let isClosed = false
  let stirredMs = clock.monotonicMs()
  let failuresInRow = 0
  let wake: () => void = () => {}

  function pause(delayMs: number): Promise<void> {
    return new Promise(resolve => {
      const cancel = clock.schedule(delayMs, resolve)
      wake = () => {
        cancel()
        resolve()
      }
    })
  }

  function pollDelayMs(): number {
    if (isBusy) return limits.busyPollMs
    const quietMs = clock.monotonicMs() - stirredMs
    return Math.min(limits.idlePollMs, Math.max(limits.busyPollMs, quietMs * shareOfSilence))
  }

  /** Whoever listens must not end the polling. */
  function guard(listen: () => void): void {
    try {
      listen()
    } catch (thrown) {
      counts.faults += 1
      const error = asComputePoolError(thrown, 'bug_unreachable_state')
      try {
        options.onFault?.(error)
      } catch {
        // Counted is enough.
      }
    }
  }

  function accept(message: AxlMessage): void {
    counts.messages += 1
    stirredMs = clock.monotonicMs()
    guard(() => onMessage(message))
  }

  function fail(error: ComputePoolError): number {
    counts.failures += 1
    failuresInRow += 1
    if (failuresInRow === 1) guard(() => options.onDown?.(error))
    return Math.min(limits.lastRetryMs, limits.firstRetryMs * 2 ** Math.min(failuresInRow - 1, 20))
  }

  /** How long to look away. */
  async function poll(): Promise<number> {
    counts.polls += 1
    let message: AxlMessage | null
    try {
      message = await client.recv()
    } catch (thrown) {
      if (isClosed) return 0
      const error = asComputePoolError(thrown, 'peer_unreachable')
      if (error.code !== 'peer_frame_too_large') return fail(error)
      counts.tooLarge += 1
      return 0
    }
    const wasDown = failuresInRow > 0
    failuresInRow = 0
    if (wasDown) guard(() => options.onUp?.())
    if (message === null) return pollDelayMs()
    if (!isClosed) accept(message)
    return 0
  }

  async function run(): Promise<void> {
    while (!isClosed) {
      const delayMs = await poll()
      if (delayMs > 0 && !isClosed) await pause(delayMs)
    }
  }

  const ended = run()
  return {
    counts,
    setBusy(next) {
      if (next && !isBusy && failuresInRow === 0) wake()
      isBusy = next
      stirredMs = clock.monotonicMs()
    },
    stir() {
      const wasLookingAway = !isBusy && pollDelayMs() > 2 * limits.busyPollMs
      stirredMs = clock.monotonicMs()
      if (wasLookingAway && failuresInRow === 0) wake()
    },
    close() {
      isClosed = true
      wake()
      return ended
    },
  }
}
