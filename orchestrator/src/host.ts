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

/** What this process takes of the machine's memory. */
export function processMemory() {
  const { rss, heapUsed, external } = process.memoryUsage()
  return { residentBytes: rss, heapUsedBytes: heapUsed, externalBytes: external }
}

export const hostEntropy: Entropy = {
  bytes: length => new Uint8Array(randomBytes(length)),
}
