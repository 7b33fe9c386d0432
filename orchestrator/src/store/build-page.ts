/** Builds the page where it is missing or older than its sources, so that `npm start` needs no step before it. */
import { readdir, rename, rm, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const repository = fileURLToPath(new URL('../../../', import.meta.url))
const dist = join(repository, 'web/dist')
/** What the bundle is made of. */
export const pageSources = [
  'web/src',
  'web/public',
  'web/index.html',
  'peer/src',
  'shared/src',
  'vite.config.ts',
  'package-lock.json',
]

/** Folder of a page that is as new as its sources. Throws what the bundler throws. */
export async function ensurePage(onNotice: (text: string) => void): Promise<string> {
  const builtAtMs = await modifiedMs(join(dist, 'index.html'))
  const changed = await Promise.all(pageSources.map(source => newestSourceMs(join(repository, source))))
  if (builtAtMs > 0 && builtAtMs >= Math.max(...changed)) return dist
  onNotice('Building the page …')
  const { build } = await import('vite')
  // Built aside and moved into place: another process may be serving the old page, or building at the same time.
  const aside = join(repository, `.computepool/page-${process.pid}`)
  await build({
    root: join(repository, 'web'),
    configFile: join(repository, 'vite.config.ts'),
    logLevel: 'error',
    mode: 'production',
    build: { outDir: aside },
  })
  await rm(dist, { recursive: true, force: true })
  await rename(aside, dist)
  return dist
}

const modifiedMs = (path: string): Promise<number> =>
  stat(path).then(
    facts => facts.mtimeMs,
    () => 0,
  )

/** No part of a bundle: tests, and the folders of what only they use. */
const testsPattern = /\.test\.tsx?$|(^|[\\/])testing[\\/]/

/** When the newest source at or under `path` was modified, tests left out; 0 where there is none. */
export async function newestSourceMs(path: string): Promise<number> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => null)
  if (entries === null) return modifiedMs(path)
  const files = entries.filter(entry => entry.isFile()).map(file => join(file.parentPath, file.name))
  const sources = files.filter(file => !testsPattern.test(relative(path, file)))
  const times = await Promise.all(sources.map(modifiedMs))
  return Math.max(0, ...times)
}
