/** How patiently a network is asked again. Time and waiting are its own, so that a test's need not pass. It knows no HTTP. */

/** How long a stumbling network is borne. */
export interface RetryPolicy {
  /** Time from the first fault of a request to giving up. */
  readonly deadlineMs: number
  readonly firstDelayMs: number
  readonly maxDelayMs: number
  /** A reply that brings no byte for this long counts as a fault. */
  readonly idleMs: number
  nowMs(): number
  wait(delayMs: number, signal: AbortSignal): Promise<void>
}

export const defaultRetryPolicy: RetryPolicy = {
  deadlineMs: 120_000,
  firstDelayMs: 500,
  maxDelayMs: 15_000,
  idleMs: 30_000,
  nowMs: () => performance.now(),
  wait: (delayMs, signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(done, delayMs)
      signal.addEventListener('abort', done, { once: true })
      function done() {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        if (signal.aborted) reject(signal.reason)
        else resolve()
      }
    }),
}
