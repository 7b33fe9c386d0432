// Finds a Chromium for the tests and the demo, or installs one: by Playwright's download or, where that fails, by apt. Where
// neither works it says exactly what to do.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { rootDir } from './ensure-installed.mjs'

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'microsoft-edge']
const fixedPlaces = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe',
]

/** Path of an executable Chromium that is here already, or null. `COMPUTEPOOL_CHROMIUM` wins. */
export async function findChromium() {
  const { chromium } = await import('playwright')
  const onPath = (process.env.PATH ?? '').split(path.delimiter).flatMap(dir => names.map(name => path.join(dir, name)))
  const candidates = [process.env.COMPUTEPOOL_CHROMIUM, ...onPath, ...fixedPlaces, chromium.executablePath()]
  return candidates.find(candidate => candidate && existsSync(candidate)) ?? null
}

/** As `findChromium`, installing one where there is none; ends the process with instructions where that fails. */
export async function ensureChromium() {
  const found = await findChromium()
  if (found) return found
  console.error('No Chromium found; trying Playwright’s download …')
  const cli = path.join(rootDir, 'node_modules/playwright/cli.js')
  spawnSync(process.execPath, [cli, 'install', 'chromium'], { stdio: ['ignore', 2, 2], timeout: 300_000 })
  let installed = await findChromium()
  if (!installed && process.platform === 'linux') {
    console.error('The download did not work; trying apt …')
    const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n']
    for (const args of [
      ['apt-get', 'update', '-qq'],
      ['apt-get', 'install', '-y', '-qq', 'chromium'],
    ]) {
      const [command, ...rest] = [...asRoot, ...args]
      spawnSync(command, rest, { stdio: ['ignore', 2, 2], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
    }
    installed = await findChromium()
  }
  if (installed) return installed
  console.error(
    'No Chromium could be found or installed. Install one by hand (Debian and Ubuntu: `sudo apt-get install chromium`; macOS: ' +
      '`brew install --cask chromium`), or set COMPUTEPOOL_CHROMIUM to the path of Chrome, Chromium or Edge. Then run this again.',
  )
  process.exit(1)
}
