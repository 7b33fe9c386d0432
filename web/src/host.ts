/** The browser's clock, randomness and locks behind the core's ports: the only place of the peer runtime that names them. */
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

/** Holds a Web Lock until released: browsers do not freeze a page that holds one. Without Web Locks it does nothing. */
export function holdLock(name: string): () => void {
  let release: () => void = () => {}
  const held = new Promise<void>(resolve => {
    release = resolve
  })
  // Shared: several operator tabs of one browser serve side by side.
  navigator.locks?.request(name, { mode: 'shared' }, () => held).catch(() => {})
  return () => release()
}

/** Asks the browser to keep what this site stores; a refusal changes nothing but how long it stays. On the page's thread only. */
export function askToKeepStorage(): void {
  navigator.storage?.persist?.().catch(() => {})
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
