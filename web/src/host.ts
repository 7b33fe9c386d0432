/** What only a browser's page offers the peer runtime: locks and lasting storage. */
export { createBreath, hostClock, hostEntropy } from '@computepool/peer/host.ts'

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
