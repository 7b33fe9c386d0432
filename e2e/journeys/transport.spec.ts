/** The transport contract between two real tabs, over channels in the worker and over channels that stay on the page's thread. */
import { transportContract } from '@computepool/shared/testing'
import { type Browser, expect, type Page, test } from '@playwright/test'
import type { HarnessTab } from '../../web/testing/transport-harness-messages.ts'
import { type Harness, serveHarness } from '../harness/serve-harness.ts'

let harness: Harness
test.beforeAll(async () => {
  harness = await serveHarness()
})
test.afterAll(async () => {
  await harness?.close()
})

const peerA = `0x${'a'.repeat(40)}.00000001`
const peerB = `0x${'b'.repeat(40)}.00000002`

async function openTabs(
  browser: Browser,
  room: string,
  transferChannels: 'where-possible' | 'never' = 'where-possible',
) {
  const context = await browser.newContext()
  const pages = [await context.newPage(), await context.newPage()] as [Page, Page]
  for (const page of pages) {
    await page.goto(`${harness.origin}transport-harness.html`)
    await page.waitForFunction(() => 'transportHarness' in globalThis)
  }
  const limits = { maxFrameBytes: 1 << 20, disconnectDeadlineMs: 3000 }
  const open = (page: Page, tab: HarnessTab) =>
    page.evaluate(([given, transfer]) => globalThis.transportHarness.open(given, transfer), [
      tab,
      transferChannels,
    ] as const)
  const counts = await Promise.all([
    open(pages[0], { self: peerA, peer: peerB, isInitiator: true, room, limits }),
    open(pages[1], { self: peerB, peer: peerA, isInitiator: false, room, limits }),
  ])
  return { a: pages[0], b: pages[1], counts, close: () => context.close() }
}

for (const [path, transferChannels] of [
  ['in the worker', 'where-possible'],
  ['through the page', 'never'],
] as const) {
  for (const { name } of transportContract) {
    test(`channels ${path}: ${name}`, async ({ browser }) => {
      const tabs = await openTabs(browser, `${path} ${name}`, transferChannels)
      const expected = path === 'in the worker' ? { transferred: 2, proxied: 0 } : { transferred: 0, proxied: 2 }
      expect(tabs.counts).toEqual([expected, expected])
      await tabs.a.evaluate(caseName => globalThis.transportHarness.runCase(caseName), name)
      await tabs.close()
    })
  }
}

test('a tab that is closed is missed by name', async ({ browser }) => {
  const tabs = await openTabs(browser, 'closed tab')
  await tabs.b.close()
  expect(await tabs.a.evaluate(() => globalThis.transportHarness.closed())).toBe('peer_disconnected')
  await tabs.close()
})
