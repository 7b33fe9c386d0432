/**
 * Collects Solidity sources with everything they import, from our folders and from node_modules, as solc's standard JSON wants
 * them. The compiler then asks for nothing, and the digest of this list is the digest of the build.
 */
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'

export type Sources = Record<string, { content: string }>

const require = createRequire(import.meta.url)
const importPattern = /^\s*import\s[^;]*?["']([^"']+)["']\s*;/gm

/** Errors: `bug_contract_invalid` where an import leads nowhere. */
export async function readSources(from: { contractsDir: string; folders: readonly string[] }): Promise<Sources> {
  const found = new Map<string, string>()
  const wanted: { unit: string; by: string }[] = []
  for (const folder of from.folders) {
    const entries = await readdir(path.join(from.contractsDir, folder), { recursive: true })
    for (const entry of entries.filter(name => name.endsWith('.sol'))) {
      wanted.push({ unit: path.posix.join(folder, entry.split(path.sep).join('/')), by: folder })
    }
  }
  for (let next = wanted.pop(); next; next = wanted.pop()) {
    if (found.has(next.unit)) continue
    const content = await readUnit(from.contractsDir, next)
    found.set(next.unit, content)
    for (const [, target] of content.matchAll(importPattern)) {
      const unit = target!.startsWith('.') ? path.posix.join(path.posix.dirname(next.unit), target!) : target!
      wanted.push({ unit, by: next.unit })
    }
  }
  // Sorted, so that the order in which a disk lists its files does not change the digest.
  return Object.fromEntries(
    [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([unit, content]) => [unit, { content }]),
  )
}

async function readUnit(contractsDir: string, { unit, by }: { unit: string; by: string }): Promise<string> {
  try {
    return await readFile(unit.startsWith('@') ? require.resolve(unit) : path.join(contractsDir, unit), 'utf8')
  } catch (cause) {
    throw new ComputePoolError('bug_contract_invalid', `${by} imports ${unit}, which cannot be read.`, {
      remedy: 'Import by a relative path, or by the name of an installed package (npm install).',
      cause,
    })
  }
}
