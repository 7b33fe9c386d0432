/** The engine contract in a real browser, on WASM and on WebGPU (a software adapter where the machine has no GPU). */
import { computeGoldens } from '@computepool/node/engine/compute-goldens.ts'
import type { LayerRange } from '@computepool/shared/model'
import { engineContract, randomPack } from '@computepool/shared/testing'
import { expect, type Page, test } from '@playwright/test'
import type { HarnessCall, SelfTestAnswer } from '../../web/testing/engine-harness-calls.ts'
import { type Harness, serveHarness } from '../harness/serve-harness.ts'

/** What is read here of the answer to `probe`. */
interface ProbeAnswer {
  readonly probes: readonly { readonly kind: string; readonly isSoftware: boolean; readonly msPerLayer: number }[]
  readonly choice: { readonly kind: string; readonly reason: string }
}
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

function call(harnessCall: HarnessCall): Promise<unknown> {
  return page.evaluate(
    (inPage: HarnessCall) => (globalThis as unknown as HarnessPage).callEngineHarness(inPage),
    harnessCall,
  )
}

const packs = {
  wasm: { architecture: 'qwen3', quantisation: 'q8', dimensions: { layers: 3 } },
  webgpu: { architecture: 'qwen3', quantisation: 'q4', dimensions: { layers: 2 } },
} as const

for (const kind of ['wasm', 'webgpu'] as const) {
  for (const { name } of engineContract) {
    test(`${kind}: ${name}`, async () => {
      const ms = await call({ type: 'contract', kind, caseName: name, pack: packs[kind] })
      expect(ms).toBeGreaterThan(0)
    })
  }
}

const pack = { architecture: 'qwen3', quantisation: 'q8', dimensions: { layers: 3 } } as const

async function selfTest(kind: 'webgpu' | 'wasm', layers: LayerRange, maxChunk?: number): Promise<SelfTestAnswer> {
  const { tokens, boundaries, argmax } = await computeGoldens(randomPack(pack))
  const goldens = { tokens, boundaries: boundaries.map(values => Array.from(values)), argmax }
  const bound = maxChunk === undefined ? {} : { maxChunk }
  return (await call({ type: 'self-test', kind, pack, layers, goldens, ...bound })) as SelfTestAnswer
}

for (const { kind, layers } of [
  { kind: 'wasm', layers: { start: 0, end: 2 } },
  { kind: 'wasm', layers: { start: 1, end: 3 } },
  { kind: 'webgpu', layers: { start: 1, end: 2 } },
  { kind: 'webgpu', layers: { start: 2, end: 3 } },
] as const) {
  test(`${kind}: layers ${layers.start} to ${layers.end} pass the self-test with the native engine's goldens`, async () => {
    const { outcome } = await selfTest(kind, layers)
    expect(outcome.ok).toBe(true)
    // A share of the tolerance, which follows the adapter: one with shader-f16 computes in f16.
    expect(outcome.report.worstError).toBeLessThan(outcome.report.tolerance / 5)
  })
}

test('webgpu: chunks of 32 and more, which a software adapter computes wrongly without a word, fail the self-test', async () => {
  const { outcome, facts } = await selfTest('webgpu', { start: 1, end: 2 }, 48)
  test.skip(!facts.isSoftware, 'a real adapter computes such chunks rightly')
  expect(outcome.ok).toBe(false)
  expect(outcome.report.worstError).toBeGreaterThan(10 * outcome.report.tolerance)
})

test('engines are measured, and the software adapter loses to WASM in words', async () => {
  const { probes, choice } = (await call({ type: 'probe', pack })) as ProbeAnswer
  expect(probes.map(({ kind }) => kind)).toEqual(['webgpu', 'wasm'])
  for (const { msPerLayer } of probes) expect(msPerLayer).toBeGreaterThan(0)
  test.skip(!probes[0]!.isSoftware, 'this machine has a real adapter')
  expect(choice.kind).toBe('wasm')
  expect(choice.reason).toMatch(/^the WebGPU adapter is software, and WASM is [\d.]+ times faster$/)
})

// Last: a page's WebGPU runtime does not outlive its device.
test('webgpu: a lost device is told by a typed error, and refuses the next step', async () => {
  const answer = await call({ type: 'lose-device', pack })
  expect(answer).toEqual({ lost: 'engine_device_lost', nextStep: 'engine_device_lost' })
})
