/** The only sources of time and of randomness; shells wire the host's, tests a manual and a seeded one. */

export interface Clock {
  /** Milliseconds, monotonic, from an arbitrary origin: for durations. */
  monotonicMs(): number
  /** Milliseconds since 1970: for stamps that people read. */
  wallMs(): number
  /** Runs `task` once after `delayMs`; the returned function cancels it. */
  schedule(delayMs: number, task: () => void): () => void
}

export interface Entropy {
  /** Cryptographically strong in real adapters. */
  bytes(length: number): Uint8Array
}
