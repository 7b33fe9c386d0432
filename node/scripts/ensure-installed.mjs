// Installs the npm dependencies where they are missing or older than the lockfile, so that `npm start` and `npm test` work on a
// fresh clone with no step before them. Plain JavaScript on Node's own modules: it runs before anything is installed.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const rootDir = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')

/** Runs `npm ci` unless node_modules was made from this very lockfile. Exits with a plain sentence where it cannot. */
export function ensureInstalled() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(
      `ComputePool needs Node 20.19 or newer; this is ${process.versions.node}. Install a newer Node, then run this again.`,
    )
    process.exit(1)
  }
  const digest = createHash('sha256')
    .update(readFileSync(path.join(rootDir, 'package-lock.json')))
    .digest('hex')
  const stamp = path.join(rootDir, 'node_modules', '.computepool-installed')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return
  // A tree that npm itself filled for this lockfile (a developer's `npm install`) needs no second install.
  const hidden = path.join(rootDir, 'node_modules', '.package-lock.json')
  if (!existsSync(hidden) || !installedMatchesLock(hidden)) {
    console.error('Installing dependencies (npm ci) …')
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
    const { status } = spawnSync(npm, ['ci', '--no-audit', '--no-fund'], {
      cwd: rootDir,
      stdio: ['ignore', 2, 2],
      shell: process.platform === 'win32',
    })
    if (status !== 0) {
      console.error('npm ci failed. Check that the npm registry can be reached, then run this again.')
      process.exit(1)
    }
  }
  writeFileSync(stamp, digest)
}

function installedMatchesLock(hiddenLockfile) {
  const installed = JSON.parse(readFileSync(hiddenLockfile, 'utf8')).packages ?? {}
  const wanted = JSON.parse(readFileSync(path.join(rootDir, 'package-lock.json'), 'utf8')).packages ?? {}
  return Object.entries(wanted).every(
    ([name, entry]) =>
      !name.startsWith('node_modules/') || entry.optional || entry.link || installed[name]?.version === entry.version,
  )
}
