import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { hostClock } from '../host.ts'
import { createFileStandingStore, createStandingBook } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'standing-kill-'))
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

/** Kills the writer as soon as it told so many convictions; returns all that it told. */
async function killAfter(file: string, count: number): Promise<string[]> {
  const program = join(import.meta.dirname, '../../testing/standing-writer.ts')
  const child = spawn(process.execPath, ['--import', 'tsx', program, file], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  const gone = once(child, 'exit')
  let text = ''
  child.stdout!.on('data', bytes => {
    text += String(bytes)
    if (text.split('\n').length > count) child.kill('SIGKILL')
  })
  await gone
  return text.split('\n').slice(0, -1)
}

it('a kill at any moment loses no conviction that was told, and leaves a file that can be read', async () => {
  const file = join(folder, 'standing.json')
  const told: string[] = []
  for (const count of [1, 40]) {
    told.push(...(await killAfter(file, count)))
    const faults: unknown[] = []
    const store = createFileStandingStore({ file, clock: hostClock, onFault: fault => faults.push(fault) })
    const book = createStandingBook({ clock: hostClock, store })
    await book.ready
    expect(faults).toEqual([])
    expect(told.filter(operator => !book.isBanned(operator))).toEqual([])
  }
  expect(new Set(told).size).toBeGreaterThanOrEqual(41)
})
