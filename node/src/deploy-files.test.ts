import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { readNodeArguments } from './operator/node-arguments.ts'

const rootDir = fileURLToPath(new URL('../../', import.meta.url))
const unitPath = fileURLToPath(new URL('../deploy/computepool-node.service', import.meta.url))
const unit = readFileSync(unitPath, 'utf8')
const containerfile = readFileSync(new URL('../deploy/Containerfile', import.meta.url), 'utf8')
const script = 'node/scripts/computepool.mjs'

const setting = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1] ?? ''
/** What stands after `computepool.mjs node`. */
const argumentsOf = (words: readonly string[]): string[] => {
  const at = words.findIndex(word => word.endsWith(script))
  expect(words[at + 1]).toBe('node')
  return words.slice(at + 2)
}

it('the unit starts a command that exists, and gives it longer than its drain', () => {
  const { command, json, settings } = readNodeArguments(argumentsOf(setting('ExecStart').split(' ')), {})
  expect({ command, json, dataDir: settings.dataDir }).toEqual({
    command: 'serve',
    json: true,
    dataDir: `/var/lib/${setting('StateDirectory')}`,
  })
  expect(Number(setting('TimeoutStopSec')) * 1000).toBeGreaterThan(settings.drainMs + 10_000)
  expect(setting('RestartPreventExitStatus')).toBe('2 3 4')
})

const hasNoSystemd = spawnSync('systemd-analyze', ['--version']).error !== undefined

it.skipIf(hasNoSystemd)('the unit passes systemd’s own check, where there is one', () => {
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', unitPath], { encoding: 'utf8' })
  // A machine without Node in /usr/bin is told so; the unit is none the worse.
  const complaints = stderr.split('\n').filter(line => line !== '' && !line.includes('is not executable'))
  expect(complaints).toEqual([])
  expect([0, 1]).toContain(status)
})

it('the container copies what exists, and starts a command that exists', () => {
  const copied = containerfile
    .split('\n')
    .filter(line => line.startsWith('COPY ') && !line.includes('--from'))
    .flatMap(line => line.split(' ').slice(1, -1))
  expect(copied).toContain('peer/src')
  expect(copied.filter(path => !existsSync(rootDir + path))).toEqual([])
  const entrypoint = JSON.parse(/^ENTRYPOINT (.*)$/m.exec(containerfile)?.[1] ?? '[]')
  const { command, settings } = readNodeArguments([...argumentsOf(entrypoint), 'https://pool.example'], {})
  expect([command, settings.url, settings.dataDir]).toEqual(['serve', 'https://pool.example', '/data'])
})
