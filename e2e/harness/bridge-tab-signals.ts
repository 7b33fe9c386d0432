/** Signals between the transport of a real tab and a peer of this process, which stands beside the tab's page. It changes none of them. */
import type { LinkSignal } from '@computepool/shared/wire'
import type { Page } from 'playwright'

export interface TabBridge {
  readonly page: Page
  /** Serves the transport harness's page. */
  readonly origin: string
  /** The name that the tab's transport is started with. */
  readonly room: string
  readonly tab: string
  readonly node: string
  /** What the tab tells the node. */
  readonly onSignal: (signal: LinkSignal) => void
}

/** Opens the page, and resolves with what passes a signal of the node to the tab. Errors: whatever the page raised as it opened. */
export async function bridgeTabSignals({
  page,
  origin,
  room,
  tab,
  node,
  onSignal,
}: TabBridge): Promise<(signal: LinkSignal) => void> {
  await page.exposeFunction('signalNode', onSignal)
  await page.goto(`${origin}transport-harness.html`)
  await page.waitForFunction(() => 'transportHarness' in globalThis)
  await page.evaluate(
    ([name, to]) => {
      const signals = new BroadcastChannel(`${name} signals`)
      Object.assign(globalThis, { signals })
      const { signalNode } = globalThis as unknown as { signalNode(signal: unknown): void }
      signals.onmessage = ({ data }) => data.to === to && signalNode(data.signal)
    },
    [room, node] as const,
  )
  return signal => {
    page
      .evaluate(sent => (globalThis as unknown as { signals: BroadcastChannel }).signals.postMessage(sent), {
        from: node,
        to: tab,
        signal,
      })
      // The page may be closed by now.
      .catch(() => {})
  }
}
