/** A real tab's transport and a headless peer of this process, with an emulated distance between them. */
import { createNodeRtc, type NodeRtc } from '@computepool/node/links/node-rtc.ts'
import { hostClock } from '@computepool/peer/host.ts'
import type { TransportLimits } from '@computepool/peer/links/index.ts'
import type { Page } from 'playwright'
import { bridgeTabSignals } from './bridge-tab-signals.ts'
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
  const passToTab = await bridgeTabSignals({
    page,
    origin,
    room,
    tab: peerA,
    node: peerB,
    onSignal: signal => network.carry(peerA, peerB, signal, carried => node.handleSignal(peerA, carried)),
  })
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
