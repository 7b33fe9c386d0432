// The one test command: lint, types, unit and in-process tests, then real tabs. It installs npm packages and finds or installs a
// Chromium first; arguments narrow it to one stage (`npm test -- unit`).
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { ensureInstalled, rootDir } from './ensure-installed.mjs'

ensureInstalled()
const bin = name => path.join(rootDir, 'node_modules', name)
const node = (label, file, ...args) => ({ label, command: process.execPath, args: [file, ...args] })

const stages = {
  lint: node('lint and format', bin('@biomejs/biome/bin/biome'), 'check', '--error-on-warnings'),
  types: node('types', 'node/scripts/typecheck.mjs'),
  unit: node('unit, contract and in-process tests', bin('vitest/vitest.mjs'), 'run'),
  tabs: node('real tabs', bin('@playwright/test/cli.js'), 'test', '-c', 'e2e/playwright.config.ts'),
}
const wanted = process.argv.slice(2)
for (const name of wanted) {
  if (!(name in stages)) {
    console.error(`Unknown stage "${name}". Stages: ${Object.keys(stages).join(', ')}.`)
    process.exit(2)
  }
}

const env = { ...process.env }
if (wanted.length === 0 || wanted.includes('tabs')) {
  const { ensureChromium } = await import('./ensure-chromium.mjs')
  env.COMPUTEPOOL_CHROMIUM = await ensureChromium()
}
for (const [name, stage] of Object.entries(stages)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  console.log(`\n── ${stage.label}`)
  const { status } = spawnSync(stage.command, stage.args, {
    cwd: rootDir,
    stdio: ['ignore', 'inherit', 'inherit'],
    env,
  })
  if (status !== 0) {
    console.error(`\n"${stage.label}" failed. Run it alone with: npm test -- ${name}`)
    process.exit(status ?? 1)
  }
}
