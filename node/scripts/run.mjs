// Runs a TypeScript entry of this repository: installs what is missing first, then hands over to tsx with the arguments as given.
import { spawn } from 'node:child_process'
import path from 'node:path'
import { ensureInstalled, rootDir } from './ensure-installed.mjs'

const [entry, ...args] = process.argv.slice(2)
ensureInstalled()
const tsx = path.join(rootDir, 'node_modules/tsx/dist/cli.mjs')
const child = spawn(process.execPath, [tsx, path.join(rootDir, entry), ...args], { cwd: rootDir, stdio: 'inherit' })

// A terminal's Ctrl-C reaches the child by itself; a signal sent to this process alone must be passed on.
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
process.on('SIGINT', () => {})
child.on('error', error => {
  console.error(`Could not start ${entry}: ${error.message}`)
  process.exit(1)
})
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)))
