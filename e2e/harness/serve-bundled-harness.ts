/**
 * Serves one page of `web/testing`, bundled once as the product's page is: a test that opens a page or a worker anew fetches a few files,
 * where the development server of `serve-harness.ts` would hand it each module by itself, hundreds a page.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, preview } from 'vite'
import type { Harness } from './serve-harness.ts'

const pages = fileURLToPath(new URL('../../web/testing', import.meta.url))

/** Under `origin` lies `name`, an HTML file of that folder; `close` stops the server and removes what was built. */
export async function serveBundledHarness(name: string): Promise<Harness> {
  const outDir = await mkdtemp(path.join(os.tmpdir(), 'computepool-harness-'))
  const remove = (): Promise<void> => rm(outDir, { recursive: true, force: true })
  const shape = { configFile: false, root: pages, logLevel: 'error', worker: { format: 'es' } } as const
  try {
    await build({
      ...shape,
      publicDir: false,
      build: {
        ...{ outDir, emptyOutDir: true, target: 'esnext', assetsInlineLimit: 0, minify: false, modulePreload: false },
        rolldownOptions: { input: path.join(pages, name) },
      },
    })
    const server = await preview({
      ...shape,
      build: { outDir },
      preview: {
        port: 0,
        host: '127.0.0.1',
        headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' },
      },
    })
    const origin = server.resolvedUrls!.local[0]!
    return {
      origin,
      close: async () => {
        await server.close()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}
