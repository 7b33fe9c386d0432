/** The built page: its files, and index.html for the page's own addresses. It knows nothing of what the page does. */
import { readFile, stat } from 'node:fs/promises'
import { extname, join, normalize, sep } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'
import { Hono } from 'hono'
import { decodePath } from './decode-path.ts'

const contentTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
}

/** What the page itself shows; it reads the address and finds its own view. */
const pageAddresses = /^\/(?:(?:operate|chat|activity|docs|trust|disputes|token)(?:\/[^.]*)?)?$/

/** Serves `folder`; null where no page was built, which the root then says. */
export function pageRoutes(folder: string | null): Hono {
  const routes = new Hono()
  routes.get('/*', async c => {
    if (folder === null) return c.text('The page is not built. Run `npm run build`, then start again.\n', 503)
    const path = decodePath(c.req.url)
    const asked = normalize(join(folder, path))
    const isInside = asked === folder || asked.startsWith(folder.endsWith(sep) ? folder : folder + sep)
    const isFile = isInside && !path.includes('\0') && (await isRegularFile(asked))
    // A missing file must not come back as HTML: a script of an older build would fail with a riddle.
    if (!isFile && !pageAddresses.test(path)) {
      throw new ComputePoolError('input_not_found', `There is nothing at "${path.slice(0, 200)}".`, {
        remedy: 'Open / for the page.',
      })
    }
    const file = isFile ? asked : join(folder, 'index.html')
    const isHashed = isFile && path.startsWith('/assets/')
    return new Response(await readFile(file), {
      headers: {
        'content-type': contentTypes[extname(file)] ?? 'application/octet-stream',
        'cache-control': isHashed ? 'public, max-age=31536000, immutable' : 'no-cache',
      },
    })
  })
  return routes
}

const isRegularFile = (path: string): Promise<boolean> =>
  stat(path).then(
    facts => facts.isFile(),
    () => false,
  )
