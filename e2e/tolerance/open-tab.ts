/** A real Chromium tab whose worker does a slice's work. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Manifest } from '@computepool/shared/model'
import { chromium } from 'playwright'
import { chromiumLaunchOptions } from '../harness/launch-chromium.ts'
import { serveHarness } from '../harness/serve-harness.ts'
import type { ModelName } from './models.ts'
import { decodeFloats, encodeFloats, type TabCall, type TabOutcome, type TabReply } from './tab-messages.ts'
import type { Job, Outcome } from './work.ts'

export interface Tab {
  work(model: ModelName, job: Omit<Job, 'weights'>): Promise<Outcome>
  close(): Promise<void>
}

export interface TabInput {
  readonly manifest: Manifest
  /** Where the demo model's pack lies. */
  readonly demoFolder: string
  readonly gpu: 'software' | 'hardware'
}

/** Opens the tab and hands it the demo model. Errors: what the browser or the engine raised. */
export async function openTab({ manifest, demoFolder, gpu }: TabInput): Promise<Tab> {
  const harness = await serveHarness()
  const browser = await chromium.launch(chromiumLaunchOptions({ gpu }))
  const close = async () => {
    await browser.close()
    await harness.close()
  }
  try {
    const page = await browser.newPage()
    await page.goto(`${harness.origin}engine-harness.html`)
    // The server gives out the whole repository by its files' own paths.
    const workerUrl = `${harness.origin}@fs${fileURLToPath(new URL('tab.worker.ts', import.meta.url))}`
    const call = async (message: TabCall): Promise<unknown> => {
      const reply = (await page.evaluate(askWorker, { workerUrl, message })) as TabReply
      if ('error' in reply) throw new Error(`the tab failed: ${reply.error}`)
      return reply.value
    }
    const parts: Record<string, string> = {}
    for (const { name, path } of manifest.parts)
      parts[name] = (await readFile(`${demoFolder}/${path}`)).toString('base64')
    await call({ type: 'demo', demo: { manifest, parts } })
    return {
      async work(model, { layers, input, way }) {
        const rows = 'tokens' in input ? input : { values: encodeFloats(input.values) }
        const found = (await call({ type: 'work', model, layers, way, input: rows })) as TabOutcome
        const { boundary, logits, facts } = found
        return { boundary: decodeFloats(boundary), logits: logits === null ? null : decodeFloats(logits), facts }
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Runs in the page: one question to the page's one worker, which is started by the first. */
function askWorker({ workerUrl, message }: { workerUrl: string; message: TabCall }): Promise<TabReply> {
  const page = globalThis as typeof globalThis & { toleranceWorker?: Worker }
  page.toleranceWorker ??= new Worker(workerUrl, { type: 'module' })
  const worker = page.toleranceWorker
  return new Promise(resolve => {
    worker.onmessage = ({ data }) => resolve(data as TabReply)
    worker.onerror = ({ message: words }) => resolve({ error: words ?? 'its worker did not start' })
    worker.postMessage(message)
  })
}
