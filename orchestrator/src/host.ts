/** The host's clock and randomness: the one place of the orchestrator that asks for them. */
import { randomBytes } from 'node:crypto'
import type { Clock, Entropy } from '@computepool/shared/ports'

export const hostClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  schedule: (delayMs, task) => {
    const timer = setTimeout(task, delayMs)
    return () => clearTimeout(timer)
  },
}

export const hostEntropy: Entropy = {
  bytes: length => new Uint8Array(randomBytes(length)),
}
