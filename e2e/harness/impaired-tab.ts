/** A real tab's transport and a headless peer of this process, with an emulated distance between them. */
import { createNodeRtc, type NodeRtc } from '@computepool/node/links/node-rtc.ts'
import { hostClock } from '@computepool/peer/host.ts'
import type { TransportLimits } from '@computepool/peer/links/index.ts'
import type { LinkSignal } from '@computepool/shared/wire'
import type { Page } from 'playwright'
import type { ImpairedNetwork } from './impaired-network.ts'
import { peerA, peerB } from './impaired-pair.ts'

/** Resolves when both ends are open; `peerA` is the tab, which offers. `origin` serves the transport harness's page. */
export async function openImpairedTab({
  page,
  origin,
  network,
  transferChannels = 'where-possible',
  limits = {},
}: {
  readonly page: Page
  readonly origin: string
  readonly network: ImpairedNetwork
  readonly transferChannels?: 'where-possible' | 'never'
  /** The tab's. */
  readonly limits?: Partial<TransportLimits>
}): Promise<NodeRtc> {
  const node = createNodeRtc({ self: peerB, clock: hostClock })
  const room = 'distance'
  await page.exposeFunction('signalNode', (signal: LinkSignal) =>
    network.carry(peerA, peerB, signal, carried => node.handleSignal(peerA, carried)),
  )
  await page.goto(`${origin}transport-harness.html`)
  await page.waitForFunction(() => 'transportHarness' in globalThis)
  await page.evaluate(
    ([name, to]) => {
      const signals = new BroadcastChannel(`${name} signals`)
      Object.assign(globalThis, { signals })
      const { signalNode } = globalThis as unknown as { signalNode(signal: unknown): void }
      signals.onmessage = ({ data }) => data.to === to && signalNode(data.signal)
    },
    [room, peerB] as const,
  )
  const passToTab = (signal: LinkSignal): void => {
    const message = { from: peerB, to: peerA, signal }
    page
      .evaluate(sent => (globalThis as unknown as { signals: BroadcastChannel }).signals.postMessage(sent), message)
      // The page may be closed by now.
      .catch(() => {})
  }
  node.onSignal((_, signal) => network.carry(peerB, peerA, signal, passToTab))
  const opened = new Promise<void>((resolve, reject) =>
    node.onLink(event => {
      if (event.type === 'link-opened') resolve()
      else if (event.type === 'link-closed') reject(new Error(event.error.message))
    }),
  )
  await page.evaluate(([tab, transfer]) => globalThis.transportHarness.start(tab, transfer), [
    { self: peerA, peer: peerB, isInitiator: true, room, limits },
    transferChannels,
  ] as const)
  node.setPeers([{ peer: peerA, isInitiator: false }], 1)
  await Promise.all([opened, page.evaluate(() => globalThis.transportHarness.link())])
  return node
}
