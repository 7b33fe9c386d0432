/** A real tab far from a headless peer: its link spreads over lanes, and every frame comes once although packets are lost. */
import { defaultTransportLimits } from '@computepool/peer/links/transport-limits.ts'
import { expect, test } from '@playwright/test'
import { openImpairedNetwork } from '../harness/impaired-network.ts'
import { peerA, peerB } from '../harness/impaired-pair.ts'
import { openImpairedTab } from '../harness/impaired-tab.ts'
import { serveBundledHarness } from '../harness/serve-bundled-harness.ts'
import type { Harness } from '../harness/serve-harness.ts'

let harness: Harness
test.beforeAll(async () => {
  harness = await serveBundledHarness('transport-harness.html')
})
test.afterAll(() => harness?.close())

for (const [words, transferChannels] of [
  ['in the worker', 'where-possible'],
  ['through the page', 'never'],
] as const) {
  test(`channels ${words}: a far link spreads over lanes, and no frame is lost or doubled`, async ({ browser }) => {
    const network = openImpairedNetwork({ seed: 5, impairment: { oneWayMs: 20 } })
    const page = await (await browser.newContext()).newPage()
    const node = await openImpairedTab({ page, origin: harness.origin, network, transferChannels })
    const came: number[] = []
    node.onFrame((peer, frame) => {
      came.push(frame.length)
      // The harness's word for an answer.
      void node.send(peer, frame.slice().fill(0xff, 0, 4))
    })
    // Lanes are for links that carry frames.
    expect(await page.evaluate(() => globalThis.transportHarness.roundTrips(100, 1))).toHaveLength(1)
    expect(came.splice(0)).toEqual([100])
    await expect.poll(() => node.channelCounts.madeHere, { timeout: 30_000 }).toBe(2 + defaultTransportLimits.lanes)
    network.change({ lossRate: 0.05 })
    // Each frame is answered before the next is sent.
    for (const [sizeBytes, count] of [
      [1300, 20],
      [5200, 20],
      [200_000, 2],
    ] as const) {
      const trips = await page.evaluate(([size, times]) => globalThis.transportHarness.roundTrips(size, times), [
        sizeBytes,
        count,
      ] as const)
      expect(trips).toHaveLength(count)
      expect(came.splice(0)).toEqual(Array.from({ length: count }, () => sizeBytes))
    }
    expect(network.connections).toBe(1 + defaultTransportLimits.lanes)
    for (const counts of [network.counts(peerA, peerB), network.counts(peerB, peerA)])
      expect(counts.lost).toBeGreaterThan(5)
    await page.context().close()
    await node.close()
    await network.close()
  })
}
