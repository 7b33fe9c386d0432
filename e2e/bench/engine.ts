/**
 * The engine bench: what one layer of SmolLM2-135M's shape costs in a decode step, on each engine of this machine, and what keeping
 * caches static saves against growing them. Random q4 weights. It measures no swarm.
 */
import os from 'node:os'
import { openNativeEngine } from '@computepool/node/engine/open-native-engine.ts'
import { type Measurement, measureEngine } from '@computepool/peer/engine/measure-engine.ts'
import type { Manifest } from '@computepool/shared/model'
import type { Engine } from '@computepool/shared/ports'
import { type RandomPackOptions, randomPack } from '@computepool/shared/testing'
import { chromium, type Page } from 'playwright'
import { chromiumLaunchOptions } from '../harness/launch-chromium.ts'
import { serveHarness } from '../harness/serve-harness.ts'
import { type BenchReport, type BenchRow, benchRow } from './bench-report.ts'
import { gpuRows, qwen4bShape } from './gpu-rows.ts'

/** SmolLM2-135M, its 30 layers cut to 4: a layer costs the same wherever it is. */
const pack: RandomPackOptions = {
  architecture: 'llama',
  quantisation: 'q4',
  dimensions: {
    layers: 4,
    hidden: 576,
    heads: 9,
    kvHeads: 3,
    headDim: 64,
    intermediate: 1536,
    vocab: 49_152,
    context: 2304,
  },
}
const rounds = { native: 7, wasm: 5, webgpu: 3 } as const
const cachePositions = [256, 1024, 2048] as const
const cacheSteps = 25
/** Layers under test: enough that a step's fixed cost is a small part. */
const cacheLayers = 4
const prefillChunk = 256

/** About four minutes on two cores. Errors: what an engine raised; an engine that a machine lacks has no row. */
export async function runEngineBench(): Promise<BenchReport> {
  const { manifest } = randomPack(pack)
  const rows: BenchRow[] = []
  console.error('native …')
  rows.push(...(await measureRounds('native', () => measureNative(manifest))))
  console.error('native caches …')
  rows.push(...(await compareCaches()))
  const harness = await serveHarness()
  try {
    const gpu = await findGpu()
    console.error(gpu === 'hardware' ? 'A GPU is here.' : 'No GPU: WebGPU runs on a software adapter.')
    await inHarness(harness.origin, gpu, async page => {
      for (const kind of ['wasm', 'webgpu'] as const) {
        console.error(`${kind} …`)
        rows.push(...(await measureRounds(kind, () => measureInPage(page, kind, pack))))
      }
      if (gpu === 'hardware') rows.push(...(await measureQwen(page)))
    })
  } finally {
    await harness.close()
  }
  return { suite: 'engine', device: machine(), rows }
}

/** Whether Chromium reaches an adapter of its own here, or only the software one that the tests use. */
async function findGpu(): Promise<'hardware' | 'software'> {
  const browser = await chromium.launch(chromiumLaunchOptions({ gpu: 'hardware' }))
  try {
    const page = await browser.newPage()
    // WebGPU needs a secure context; a page that was never navigated has none.
    await page.route('**/*', route => route.fulfill({ contentType: 'text/html', body: '' }))
    await page.goto('http://localhost/')
    const isHardware = await page.evaluate(async () => {
      const adapter = await navigator.gpu?.requestAdapter()
      return adapter != null && !adapter.info.isFallbackAdapter && adapter.info.architecture !== 'swiftshader'
    })
    return isHardware ? 'hardware' : 'software'
  } finally {
    await browser.close()
  }
}

async function inHarness(
  origin: string,
  gpu: 'hardware' | 'software',
  measure: (page: Page) => Promise<void>,
): Promise<void> {
  const browser = await chromium.launch(chromiumLaunchOptions({ gpu }))
  try {
    const page = await browser.newPage()
    await page.goto(`${origin}engine-harness.html`)
    await page.waitForFunction(() => 'callEngineHarness' in globalThis)
    await measure(page)
  } finally {
    await browser.close()
  }
}

async function measureQwen(page: Page): Promise<BenchRow[]> {
  console.error('Qwen3-4B’s shape …')
  const measurements: Measurement[] = []
  for (let round = 0; round < rounds.webgpu; round++)
    measurements.push(await measureInPage(page, 'webgpu', qwen4bShape))
  const told = Number(process.env.COMPUTEPOOL_GPU_GBPS)
  return gpuRows(randomPack(qwen4bShape).manifest, measurements, told > 0 ? told : null)
}

async function measureRounds(kind: keyof typeof rounds, measure: () => Promise<Measurement>): Promise<BenchRow[]> {
  const measurements: Measurement[] = []
  for (let round = 0; round < rounds[kind]; round++) measurements.push(await measure())
  const { device, activationDtype } = measurements[0]!.engine
  const name = `${kind} on ${device}, ${activationDtype}`
  return [
    benchRow(
      `${name}: decode, one layer`,
      'ms',
      measurements.map(({ msPerLayer }) => msPerLayer),
    ),
    benchRow(
      `${name}: decode, head`,
      'ms',
      measurements.map(({ headMs }) => headMs),
    ),
  ]
}

function measureNative(manifest: Manifest): Promise<Measurement> {
  return measureEngine(slice => openNativeEngine(slice), manifest, {
    signal: new AbortController().signal,
    now: () => performance.now(),
  })
}

function measureInPage(page: Page, kind: 'wasm' | 'webgpu', shape: RandomPackOptions): Promise<Measurement> {
  const call = { type: 'measure', kind, pack: shape } as const
  return page.evaluate(
    inPage => (globalThis as unknown as { callEngineHarness(c: unknown): unknown }).callEngineHarness(inPage),
    call,
  ) as Promise<Measurement>
}

/** A decode step's cost per layer behind so many cached positions; static and growing are asked in turn. */
async function compareCaches(): Promise<BenchRow[]> {
  const { manifest, parts } = randomPack({ ...pack, dimensions: { ...pack.dimensions, layers: cacheLayers + 1 } })
  const slice = {
    manifest,
    parts,
    layers: { start: 0, end: cacheLayers },
    kvBudgetBytes: 2 ** 31,
    maxContext: manifest.dimensions.context,
  }
  const kinds = ['static', 'growing'] as const
  // One thread each: the runtime's idle threads spin, and those of one engine would take the other's processor.
  const engines = await Promise.all(kinds.map(caches => openNativeEngine(slice, { caches, threads: 1 })))
  const rows: BenchRow[] = []
  let filled = 0
  for (const positions of cachePositions) {
    for (const engine of engines) await prefill(engine, filled, positions)
    filled = positions
    const samples = kinds.map((): number[] => [])
    for (let step = 0; step < cacheSteps; step++)
      for (const [i, engine] of engines.entries()) samples[i]!.push((await stepMs(engine, positions)) / cacheLayers)
    for (const [i, kind] of kinds.entries())
      rows.push(
        benchRow(`native, ${kind} cache of ${positions} positions: decode, one layer`, 'ms', samples[i]!.slice(5)),
      )
  }
  for (const engine of engines) await engine.close()
  return rows
}

async function prefill(engine: Engine, from: number, to: number): Promise<void> {
  for (let position = from; position < to; position += prefillChunk) {
    const tokens = Array.from({ length: Math.min(prefillChunk, to - position) }, (_, i) => (position + i) * 7)
    await engine.run([{ requestId: 'bench', position, input: { tokens }, sample: null }])
  }
}

/** One step at `position`, which the next one repeats: the cache stays as long as it is. */
async function stepMs(engine: Engine, position: number): Promise<number> {
  const before = performance.now()
  await engine.run([{ requestId: 'bench', position, input: { tokens: [1] }, sample: null }])
  return performance.now() - before
}

function machine(): string {
  const [cpu] = os.cpus()
  return `${cpu?.model.trim() ?? 'unknown processor'}, ${os.cpus().length} threads, ${os.platform()}`
}
