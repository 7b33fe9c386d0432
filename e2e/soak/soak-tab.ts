/** One real tab in the soak's ring, and what its browser process keeps: the resident set of the renderer, and its page's heap. */
import { readFile } from 'node:fs/promises'
import { type Browser, chromium } from 'playwright'
import { chromiumLaunchOptions } from '../harness/launch-chromium.ts'
import { openTabs } from '../harness/open-ring.ts'
import type { ProcessMemory } from './watched-process.ts'

export interface SoakTab {
  memory(): Promise<ProcessMemory>
  close(): Promise<void>
}

export async function openSoakTab(url: string): Promise<SoakTab> {
  const browser: Browser = await chromium.launch(chromiumLaunchOptions())
  const { pages } = await openTabs({ url, peers: 1, engine: 'wasm', browser })
  const ofPage = await pages[0]!.context().newCDPSession(pages[0]!)
  const ofBrowser = await browser.newBrowserCDPSession()
  return {
    async memory() {
      await ofPage.send('HeapProfiler.collectGarbage')
      const { usedSize } = await ofPage.send('Runtime.getHeapUsage')
      const { processInfo } = await ofBrowser.send('SystemInfo.getProcessInfo')
      const renderers = processInfo.filter(({ type }) => type === 'renderer')
      const sizes = await Promise.all(renderers.map(({ id }) => residentBytes(id)))
      return { residentBytes: sizes.reduce((sum, size) => sum + size, 0), heapBytes: usedSize }
    },
    close: () => browser.close(),
  }
}

/** Of a process of this machine, where it tells (Linux); else 0. */
async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
}
