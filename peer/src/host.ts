/** Clock and randomness of the host behind the core's ports, by names that browsers and Node share. */
import type { Clock, Entropy } from '@computepool/shared/ports'

export const hostClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  schedule(delayMs, task) {
    const timer = setTimeout(task, delayMs)
    return () => clearTimeout(timer)
  },
}

export const hostEntropy: Entropy = {
  bytes: length => crypto.getRandomValues(new Uint8Array(length)),
}

/** One turn of the event loop, by a message to oneself: timers are held back to 4 ms once they nest. */
export function createBreath(): () => Promise<void> {
  const { port1, port2 } = new MessageChannel()
  const waiting: (() => void)[] = []
  port1.onmessage = () => waiting.shift()?.()
  return () =>
    new Promise(resolve => {
      waiting.push(resolve)
      port2.postMessage(null)
    })
}
