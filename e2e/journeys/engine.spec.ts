/** The engine contract in a real browser, on WASM and on WebGPU (a software adapter where the machine has no GPU). */
import { engineContract } from '@computepool/shared/testing'
import { expect, type Page, test } from '@playwright/test'
import type { HarnessCall } from '../../web/testing/engine-harness-calls.ts'
import { type Harness, serveHarness } from '../harness/serve-harness.ts'

type HarnessPage = { callEngineHarness(call: HarnessCall): Promise<unknown> }

let harness: Harness
let page: Page

test.beforeAll(async ({ browser }) => {
  harness = await serveHarness()
  page = await browser.newPage()
  await page.goto(`${harness.origin}engine-harness.html`)
  await page.waitForFunction(() => 'callEngineHarness' in globalThis)
})

test.afterAll(async () => {
  await page?.close()
  await harness?.close()
})

const packs = {
  wasm: { architecture: 'qwen3', quantisation: 'q8', dimensions: { layers: 3 } },
  webgpu: { architecture: 'qwen3', quantisation: 'q4', dimensions: { layers: 2 } },
} as const

for (const kind of ['wasm', 'webgpu'] as const) {
  for (const { name } of engineContract) {
    test(`${kind}: ${name}`, async () => {
      const call = { type: 'contract', kind, caseName: name, pack: packs[kind] } as const
      const ms = await page.evaluate(
        (harnessCall: HarnessCall) => (globalThis as unknown as HarnessPage).callEngineHarness(harnessCall),
        call,
      )
      expect(ms).toBeGreaterThan(0)
    })
  }
}
