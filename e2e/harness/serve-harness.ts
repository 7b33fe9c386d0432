/** Serves the pages of `web/testing` on a free port, isolated as the product's page is, for tests that need a browser but no swarm. */
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { createServer } from 'vite'

const repository = fileURLToPath(new URL('../..', import.meta.url))

export interface Harness {
  /** Ends in a slash. */
  readonly origin: string
  close(): Promise<void>
}

/** Starts the server; `close` stops it and removes its cache. */
export async function serveHarness(): Promise<Harness> {
  const cacheDir = await mkdtemp(path.join(os.tmpdir(), 'computepool-harness-'))
  const server = await createServer({
    configFile: false,
    root: path.join(repository, 'web/testing'),
    cacheDir,
    logLevel: 'error',
    worker: { format: 'es' },
    // Nothing is pre-bundled: a dependency found late would reload the page in the middle of a test.
    optimizeDeps: { noDiscovery: true },
    server: {
      port: 0,
      host: '127.0.0.1',
      hmr: false,
      watch: null,
      fs: { allow: [repository] },
      headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' },
    },
  })
  await server.listen()
  const address = server.httpServer?.address()
  if (address === null || address === undefined || typeof address === 'string')
    throw new Error('the harness has no port')
  return {
    origin: `http://127.0.0.1:${address.port}/`,
    async close() {
      await server.close()
      await rm(cacheDir, { recursive: true, force: true })
    },
  }
}
