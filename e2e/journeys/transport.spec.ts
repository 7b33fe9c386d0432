/** The transport contract between two real tabs, over channels in the worker and over channels that stay on the page's thread. */

import { type Browser, expect, type Page, test } from '@playwright/test'
import { transportContract } from '../../shared/testing/transport-contract.ts'
import type { HarnessTab } from '../../web/testing/transport-harness-messages.ts'
import { type Harness, serveHarness } from '../harness/serve-harness.ts'

type Path = 'where-possible' | 'never'
type Pages = readonly [Page, Page]

const peerA = `0x${'a'.repeat(40)}.00000001`
const peerB = `0x${'b'.repeat(40)}.00000002`
let harness: Harness
let pages: Pages

async function openPages(browser: Browser): Promise<Pages> {
  const context = await browser.newContext()
  const opened = [await context.newPage(), await context.newPage()] as const
  for (const page of opened) {
    await page.goto(`${harness.origin}transport-harness.html`)
    await page.waitForFunction(() => 'transportHarness' in globalThis)
  }
  return opened
}

/** A fresh worker in each page and a link between them; answers how each side's channels reached its worker. */
async function openLink([a, b]: Pages, room: string, path: Path) {
  const limits = { maxFrameBytes: 1 << 20, disconnectDeadlineMs: 1000 }
  const start = (page: Page, tab: HarnessTab) =>
    page.evaluate(([given, transfer]) => globalThis.transportHarness.start(given, transfer), [tab, path] as const)
  await start(a, { self: peerA, peer: peerB, isInitiator: true, room, limits })
  await start(b, { self: peerB, peer: peerA, isInitiator: false, room, limits })
  return Promise.all([a, b].map(page => page.evaluate(() => globalThis.transportHarness.link())))
}

test.beforeAll(async ({ browser }) => {
  harness = await serveHarness()
  pages = await openPages(browser)
})
test.afterAll(async () => {
  await pages?.[0].context().close()
  await harness?.close()
})

for (const [words, path] of [
  ['in the worker', 'where-possible'],
  ['through the page', 'never'],
] as const) {
  for (const { name } of transportContract) {
    test(`channels ${words}: ${name}`, async () => {
      const counts = await openLink(pages, `${path} ${name}`, path)
      const expected = path === 'never' ? { transferred: 0, proxied: 2 } : { transferred: 2, proxied: 0 }
      expect(counts).toEqual([expected, expected])
      await pages[0].evaluate(caseName => globalThis.transportHarness.runCase(caseName), name)
    })
  }
}

test('a tab that is closed without a word is missed by name', async ({ browser }) => {
  const [staying, leaving] = await openPages(browser)
  await openLink([staying, leaving], 'closed tab', 'where-possible')
  await leaving.close()
  expect(await staying.evaluate(() => globalThis.transportHarness.closed())).toBe('peer_disconnected')
  await staying.context().close()
})
