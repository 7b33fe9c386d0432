/** What happens to real tabs: a client hangs up, a tab is reloaded or closed mid-answer, a GPU process crashes. */
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { writeRandomPack } from '@computepool/node/pack/random-pack.ts'
import { type RunningOrchestrator, startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { chromium, expect, type Page, test } from '@playwright/test'
import { chromiumLaunchOptions } from '../harness/launch-chromium.ts'

let packDir: string
test.beforeAll(async () => {
  packDir = await mkdtemp(path.join(os.tmpdir(), 'computepool-churn-'))
  await writeRandomPack({
    outDir: packDir,
    architecture: 'qwen3',
    dimensions: {
      layers: 6,
      hidden: 128,
      heads: 4,
      kvHeads: 2,
      headDim: 32,
      intermediate: 256,
      vocab: 512,
      context: 512,
    },
    quantisation: 'q8',
    seed: 1,
    model: 'random-small',
  })
})
test.afterAll(async () => {
  if (packDir) await rm(packDir, { recursive: true, force: true })
})

interface Answer {
  readonly choices?: readonly { readonly text: string }[]
  readonly error?: { readonly code: string }
}

function request(server: RunningOrchestrator, body: object, signal?: AbortSignal): Promise<Response> {
  return fetch(new URL('/v1/completions', server.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: server.model, prompt: 'hello', temperature: 0, ...body }),
    ...(signal === undefined ? {} : { signal }),
  })
}
const ask = async (server: RunningOrchestrator, body: object): Promise<Answer> =>
  (await (await request(server, body)).json()) as Answer

const status = (server: RunningOrchestrator) => expect.poll(() => server.desk.snapshot().status, { intervals: [50] })
const peersOf = (server: RunningOrchestrator) => server.desk.snapshot().seats.map(seat => seat.peer)
const operate = (server: RunningOrchestrator, engine: string) => `${server.url}/operate?join=1&engine=${engine}`
const cachesOf = async (page: Page) =>
  (await page.locator('main').innerText()).match(/caches (\S+\s\S+?)\./)?.[1]?.replace(/\s/, ' ')

test('two tabs of one browser serve, through hang-ups, reloads and a closed tab', async ({ browser }) => {
  const server = await startOrchestrator({ port: 0, packDir, minSeats: 2, maxSeats: 2 })
  const context = await browser.newContext()
  try {
    const pages = [await context.newPage(), await context.newPage()] as const
    for (const page of pages) await page.goto(operate(server, 'wasm'))
    await status(server).toBe('ready')
    const text = (await ask(server, { max_tokens: 24 })).choices?.[0]?.text
    expect(text).toBeTruthy()

    await test.step('a client that hangs up stops the tabs and frees their caches', async () => {
      const hangUp = new AbortController()
      const reader = (await request(server, { max_tokens: 400, stream: true }, hangUp.signal)).body!.getReader()
      await reader.read()
      hangUp.abort()
      await expect.poll(() => server.desk.snapshot().activeRequests, { intervals: [20] }).toBe(0)
      for (const page of pages) await expect.poll(() => cachesOf(page)).toBe('0 B')
    })

    await test.step('requests at once get the same answers as one by one', async () => {
      const answers = await Promise.all([1, 2, 3].map(() => ask(server, { max_tokens: 24 })))
      for (const answer of answers) expect(answer.choices?.[0]?.text).toBe(text)
    })

    await test.step('a reloaded tab takes its place again, from disk', async () => {
      const before = new Set(peersOf(server))
      await pages[1].reload()
      await expect.poll(() => peersOf(server).filter(peer => !before.has(peer)).length).toBe(1)
      await status(server).toBe('ready')
      // The wallet key of this browser is kept: one address, whatever the tab.
      expect(new Set(peersOf(server).map(peer => peer.slice(0, 42))).size).toBe(1)
      expect((await ask(server, { max_tokens: 24 })).choices?.[0]?.text).toBe(text)
    })

    await test.step('a tab that is closed mid-answer ends it with a typed error', async () => {
      const answer = ask(server, { max_tokens: 400 })
      await expect.poll(() => server.desk.snapshot().activeRequests, { intervals: [20] }).toBe(1)
      await pages[0].close()
      expect((await answer).error?.code).toBe('swarm_coalition_lost')
    })
  } finally {
    await context.close()
    await server.close()
  }
})

test('a tab that loses its GPU says so, and recovers while its browser gives it another', async () => {
  // A browser of its own: the GPU process is shared by all its tabs.
  const browser = await chromium.launch(chromiumLaunchOptions())
  const server = await startOrchestrator({ port: 0, packDir, minSeats: 1, maxSeats: 1 })
  try {
    const page = await browser.newPage()
    await page.goto(operate(server, 'webgpu'))
    const crash = await browser.newBrowserCDPSession()
    for (const round of ['first', 'second']) {
      await status(server).toBe('ready')
      const answer = ask(server, { max_tokens: 400 })
      await expect.poll(() => server.desk.snapshot().activeRequests, { intervals: [20] }).toBe(1)
      await crash.send('Browser.crashGpuProcess')
      expect((await answer).error?.code, `${round} loss`).toBe('engine_device_lost')
      await status(server).not.toBe('ready')
    }
    // After two crashes Chromium lets the page have no GPU any more, and no other engine was allowed.
    await expect(page.locator('[data-status="failed"]').first()).toBeAttached()
    await expect(page.locator('main')).toContainText('engine_unavailable')
  } finally {
    await browser.close()
    await server.close()
  }
})
