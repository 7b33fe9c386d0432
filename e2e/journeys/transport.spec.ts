/** The transport contract between two real tabs, over channels in the worker and over channels that stay on the page's thread. */

import { type Browser, expect, type Page, test } from '@playwright/test'
import { transportContract } from '../../shared/testing/transport-contract.ts'
import type { HarnessTab } from '../../web/testing/transport-harness-messages.ts'
import { serveBundledHarness } from '../harness/serve-bundled-harness.ts'
import type { Harness } from '../harness/serve-harness.ts'

type Path = 'where-possible' | 'never'
type Pages = readonly [Page, Page]

const peerA = `0x${'a'.repeat(40)}.00000001`
const peerB = `0x${'b'.repeat(40)}.00000002`
let harness: Harness
let pages: Pages

async function openPages(browser: Browser, prepare: () => void = () => {}): Promise<Pages> {
  const context = await browser.newContext()
  await context.addInitScript(prepare)
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
  harness = await serveBundledHarness('transport-harness.html')
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
      const expected =
        path === 'never' ? { transferred: 0, proxied: 2, madeHere: 0 } : { transferred: 2, proxied: 0, madeHere: 0 }
      expect(counts).toEqual([expected, expected])
      await pages[0].evaluate(caseName => globalThis.transportHarness.runCase(caseName), name)
    })
  }
}

test('new candidates on both sides at once leave the link as it was', async ({ browser }) => {
  const [a, b] = await openPages(browser, () => {
    const made: RTCPeerConnection[] = []
    Object.assign(globalThis, {
      made,
      RTCPeerConnection: class extends RTCPeerConnection {
        constructor(configuration?: RTCConfiguration) {
          super(configuration)
          made.push(this)
        }
      },
    })
  })
  await openLink([a, b], 'ice restart', 'where-possible')
  const restart = (page: Page) =>
    page.evaluate(async () => {
      const connection = (globalThis as unknown as { made: RTCPeerConnection[] }).made.at(-1)!
      const fragmentOf = () => /a=ice-ufrag:(\S+)/.exec(connection.localDescription?.sdp ?? '')?.[1]
      const before = fragmentOf()
      connection.restartIce()
      await new Promise<void>(resolve => {
        connection.addEventListener('signalingstatechange', () => {
          if (connection.signalingState === 'stable' && fragmentOf() !== before) resolve()
        })
      })
    })
  await Promise.all([restart(a), restart(b)])
  await a.evaluate(name => globalThis.transportHarness.runCase(name), 'delivers each of many frames exactly once')
  await a.context().close()
})

test('a tab that is closed without a word is missed by name', async ({ browser }) => {
  const [staying, leaving] = await openPages(browser)
  await openLink([staying, leaving], 'closed tab', 'where-possible')
  await leaving.close()
  expect(await staying.evaluate(() => globalThis.transportHarness.closed())).toBe('peer_disconnected')
  await staying.context().close()
})
