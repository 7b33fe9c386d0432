/**
 * Opens headless operator tabs on a running orchestrator and waits until their ring is ready. Each tab is a browser context of
 * its own, so that wallets, stores and caches are not shared, as with strangers.
 */
import { type PoolSnapshot, poolSnapshotSchema } from '@computepool/shared/swarm'
import { type Browser, chromium, type Page } from 'playwright'
import { chromiumLaunchOptions } from './launch-chromium.ts'
import { untilPoolReady } from './until-pool-ready.ts'

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
  /** Before a tab goes to the page. */
  readonly onPage?: (page: Page) => Promise<void>
}

export interface Tabs {
  readonly pages: readonly Page[]
  close(): Promise<void>
}

/** Opens the tabs, which join at once; their ring may still be forming when this resolves. */
export async function openTabs(options: Omit<RingOptions, 'deadlineMs'>): Promise<Tabs> {
  const { url, peers, engine, memoryBytes, onStatus, onPage } = options
  const ownBrowser = options.browser ? null : await chromium.launch(chromiumLaunchOptions())
  const browser = options.browser ?? ownBrowser!
  const pages: Page[] = []
  const close = async (): Promise<void> => {
    await Promise.all(pages.map(page => page.context().close()))
    await ownBrowser?.close()
  }
  try {
    const query = new URLSearchParams({ join: '1' })
    if (engine) query.set('engine', engine)
    if (memoryBytes) query.set('memory', String(memoryBytes))
    for (let index = 0; index < peers; index++) {
      const page = await (await browser.newContext()).newPage()
      pages.push(page)
      page.on('pageerror', error => onStatus?.(`tab ${index + 1}: ${error.message}`))
      await onPage?.(page)
      await page.goto(new URL(`/operate?${query}`, url).href)
    }
    return { pages, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Resolves when the pool says `ready`; rejects with what the tabs said where one fails or the deadline passes. */
export async function openRing(options: RingOptions): Promise<Ring> {
  const { url, deadlineMs = 120_000, onStatus } = options
  const { pages, close } = await openTabs(options)
  const pool = async (): Promise<PoolSnapshot> =>
    poolSnapshotSchema.parse(await (await fetch(new URL('/api/pool', url))).json())
  try {
    await untilPoolReady({ url, pages, deadlineMs, onStatus })
    return { model: (await pool()).model, pages, pool, close }
  } catch (error) {
    await close()
    throw error
  }
}
