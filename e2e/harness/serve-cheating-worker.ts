/**
 * Gives a page another peer worker than the product's: the same sources, bundled with an engine that cheats. The page, its origin and all that it
 * fetches stay the orchestrator's, as with a stranger who changed their own tab. The product's build knows nothing of it.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright'
import { build } from 'vite'
import type { Cheat } from '../../web/testing/cheating-engine.ts'

const web = fileURLToPath(new URL('../../web', import.meta.url))
const worker = path.join(web, 'src/peer/peer-worker.ts')
/** As the worker names them. */
const replaced = ['../engine/open-web-engine.ts', '@computepool/peer/runtime/prove-slice.ts']

export interface CheatingWorker {
  /** Before the page goes anywhere: its tab will cheat so, once it is told. */
  serveTo(page: Page, cheat: Cheat): Promise<void>
  /** From its next request on that tab cheats. */
  tell(page: Page): Promise<void>
  close(): Promise<void>
}

/** Errors: a sentence where the worker does not import what is to be replaced; what the bundler throws. */
export async function serveCheatingWorker(): Promise<CheatingWorker> {
  const found = new Set<string>()
  const bundle = await build({
    configFile: false,
    root: web,
    publicDir: false,
    logLevel: 'error',
    plugins: [
      {
        name: 'cheat',
        enforce: 'pre',
        resolveId(source, importer) {
          if (importer !== worker || !replaced.includes(source)) return null
          found.add(source)
          return path.join(web, 'testing/cheating-engine.ts')
        },
      },
    ],
    build: {
      write: false,
      target: 'esnext',
      assetsInlineLimit: 0,
      minify: false,
      modulePreload: false,
      rolldownOptions: { input: worker },
    },
  })
  const missing = replaced.filter(source => !found.has(source))
  if (missing.length > 0) throw new Error(`peer-worker.ts does not import ${missing.join(' and ')}`)
  if (!('output' in bundle)) throw new Error('The bundler watches.')
  const chunks = bundle.output.filter(file => file.type === 'chunk')
  const scripts = new Map(chunks.map(({ fileName, code }) => [`/${fileName}`, code]))
  const entry = chunks.find(({ isEntry }) => isEntry)!
  // From a socket, not from the test's hands: a worker of no address may open no WebSocket to this machine.
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://harness')
    response.setHeader('content-type', 'text/javascript')
    response.setHeader('cross-origin-embedder-policy', 'require-corp')
    const cheat = searchParams.get('cheat')
    response.end(`${cheat === null ? '' : `globalThis.cheat = ${JSON.stringify(cheat)}\n`}${scripts.get(pathname)}`)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    async serveTo(page, cheat) {
      await page.route('**/assets/*.js', route => {
        const { pathname } = new URL(route.request().url())
        if (/\/peer-worker-[^/]+$/.test(pathname))
          return route.continue({ url: `${origin}/${entry.fileName}?cheat=${encodeURIComponent(cheat)}` })
        // The others are the page's own.
        return scripts.has(pathname) ? route.continue({ url: `${origin}${pathname}` }) : route.continue()
      })
    },
    tell: page => page.evaluate(() => new BroadcastChannel('cheat').postMessage('now')),
    close: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
