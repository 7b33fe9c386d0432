/**
 * Opens headless operator tabs on a running orchestrator and waits until their ring is ready. Each tab is a browser context of
 * its own, so that wallets, stores and caches are not shared, as with strangers.
 */
import { type PoolSnapshot, poolSnapshotSchema } from '@computepool/shared/swarm'
import { type Browser, chromium, type Page } from 'playwright'
import { chromiumLaunchOptions } from './launch-chromium.ts'

export interface Ring {
  readonly model: string
  /** One operator page a tab, in the order they were opened (not of their seats). */
  readonly pages: readonly Page[]
  pool(): Promise<PoolSnapshot>
  close(): Promise<void>
}

export interface RingOptions {
  readonly url: string
  readonly peers: number
  readonly engine: 'webgpu' | 'wasm' | null
  /** Reuses a running browser; else one is launched and closed with the ring. */
  readonly browser?: Browser
  readonly memoryBytes?: number
  readonly deadlineMs?: number
  readonly onStatus?: (line: string) => void
}

/** Resolves when the pool says `ready`; rejects with what the tabs said where one fails or the deadline passes. */
export async function openRing(options: RingOptions): Promise<Ring> {
  const { url, peers, engine, memoryBytes, deadlineMs = 120_000, onStatus } = options
  const ownBrowser = options.browser ? null : await chromium.launch(chromiumLaunchOptions())
  const browser = options.browser ?? ownBrowser!
  const pages: Page[] = []
  const close = async (): Promise<void> => {
    await Promise.all(pages.map(page => page.context().close()))
    await ownBrowser?.close()
  }
  const pool = async (): Promise<PoolSnapshot> =>
    poolSnapshotSchema.parse(await (await fetch(new URL('/api/pool', url))).json())
  try {
    const query = new URLSearchParams({ join: '1' })
    if (engine) query.set('engine', engine)
    if (memoryBytes) query.set('memory', String(memoryBytes))
    for (let index = 0; index < peers; index++) {
      const page = await (await browser.newContext()).newPage()
      pages.push(page)
      page.on('pageerror', error => onStatus?.(`tab ${index + 1}: ${error.message}`))
      await page.goto(new URL(`/operate?${query}`, url).href)
    }
    await untilReady(url, pages, deadlineMs, onStatus)
    return { model: (await pool()).model, pages, pool, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Follows the pool's own event stream until it is ready, or a tab says that it failed. */
async function untilReady(
  url: string,
  pages: readonly Page[],
  deadlineMs: number,
  onStatus?: (line: string) => void,
): Promise<void> {
  const abort = new AbortController()
  const deadline = setTimeout(
    () => abort.abort(new Error(`The ring was not ready within ${deadlineMs / 1000} s.`)),
    deadlineMs,
  )
  const failures = pages.map(async page => {
    await page.locator('[data-status="failed"]').waitFor({ state: 'attached', timeout: 0 })
    const text = await page.locator('main').innerText()
    throw new Error(`A tab failed:\n${text}`)
  })
  // A tab that is closed while waiting ends its watch: that is no failure of the ring.
  for (const failure of failures) failure.catch(error => abort.abort(error))
  try {
    const response = await fetch(new URL('/api/pool/events', url), { signal: abort.signal })
    let said = ''
    let rest = ''
    const decoder = new TextDecoder()
    for await (const chunk of response.body!) {
      rest += decoder.decode(chunk, { stream: true })
      const events = rest.split('\n\n')
      rest = events.pop()!
      for (const event of events) {
        const data = event.split('\n').find(line => line.startsWith('data:'))
        if (!data) continue
        const snapshot = poolSnapshotSchema.parse(JSON.parse(data.slice(5)))
        if (snapshot.explanation !== said) onStatus?.(snapshot.explanation)
        said = snapshot.explanation
        if (snapshot.status === 'ready') return
      }
    }
    throw new Error('The orchestrator closed its event stream.')
  } catch (error) {
    if (!abort.signal.aborted) throw error
    const states = await Promise.all(
      pages.map(page =>
        page
          .locator('[data-status]')
          .first()
          .getAttribute('data-status', { timeout: 1000 })
          .catch(() => 'gone'),
      ),
    )
    throw new Error(`${String(abort.signal.reason)} Tabs: ${states.join(', ')}.`)
  } finally {
    clearTimeout(deadline)
    abort.abort()
  }
}
