/** One digest of all TypeScript that this repository's programs may be made of, and of the versions of what they import. It runs none of it. */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'

/** Hexadecimal; another one where a source, a JSON file beside it or a locked version is another. Tests do not count. */
export async function digestSources(repository: string): Promise<string> {
  const { workspaces } = JSON.parse(await readFile(path.join(repository, 'package.json'), 'utf8')) as {
    readonly workspaces: readonly string[]
  }
  const hash = createHash('sha256').update(await readFile(path.join(repository, 'package-lock.json')))
  for (const folder of workspaces) {
    for (const file of (await sourcesIn(path.join(repository, folder))).sort()) {
      hash.update(`\n${path.relative(repository, file)}\n`).update(await readFile(file))
    }
  }
  return hash.digest('hex').slice(0, 32)
}

async function sourcesIn(folder: string): Promise<string[]> {
  const found: string[] = []
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name)
    if (entry.isDirectory()) {
      if (entry.name !== 'node_modules' && entry.name !== 'dist') found.push(...(await sourcesIn(file)))
    } else if (/\.(ts|json)$/.test(entry.name) && !/\.(test|spec)\.ts$/.test(entry.name)) found.push(file)
  }
  return found
}
