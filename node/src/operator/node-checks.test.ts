import { mkdtemp, readdir, rm, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { readNodeArguments } from './node-arguments.ts'
import { nodeChecks } from './node-checks.ts'

vi.mock('node:fs/promises', async importOriginal => {
  const real = await importOriginal<typeof import('node:fs/promises')>()
  return { ...real, statfs: vi.fn(real.statfs) }
})

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'checks-'))
})
afterEach(() => rm(folder, { recursive: true }))

const settingsFor = (args: readonly string[], availableBytes?: number) =>
  readNodeArguments(['doctor', ...args], {}, availableBytes).settings

it('too little memory for a layer keeps a machine from serving', async () => {
  const finding = await nodeChecks.memory(settingsFor([], 100e6), {})
  expect(finding).toMatchObject({ result: 'missing', says: expect.stringContaining('50.0 MB are offered') })
  expect(await nodeChecks.memory(settingsFor(['--memory', '64MB']), {})).toMatchObject({ result: 'good' })
})

it('with a GPU the offer is said to be of main memory', async () => {
  const finding = await nodeChecks.memory(settingsFor(['--memory', '64MB', '--engine', 'webgpu']), {})
  expect(finding).toMatchObject({
    result: 'note',
    says: expect.stringContaining('main memory'),
    remedy: expect.stringContaining('--memory'),
  })
})

it('the disk is written to, and nothing is left on it', async () => {
  const finding = await nodeChecks.disk(settingsFor(['--data', join(folder, 'not', 'yet')]), {})
  expect(['good', 'note']).toContain(finding?.result)
  expect(finding?.says).toMatch(/\d [KMG]B are free/)
  expect(await readdir(folder)).toEqual([])
})

it('little room is a note with the figure: a small slice may fit', async () => {
  vi.mocked(statfs).mockResolvedValueOnce({ bavail: 100_000, bsize: 4096 } as never)
  const finding = await nodeChecks.disk(settingsFor(['--data', folder]), {})
  expect(finding).toMatchObject({ result: 'note', says: expect.stringContaining('410 MB are free') })
})

it('a place that takes no file keeps a machine from serving', async () => {
  // Under a file no folder can be, not even for who may do anything.
  await writeFile(join(folder, 'file'), '')
  const finding = await nodeChecks.disk(settingsFor(['--data', join(folder, 'file')]), {})
  expect(finding).toMatchObject({ result: 'missing', remedy: expect.stringContaining('--data') })
})

it('an empty key file counts as none', async () => {
  await writeFile(join(folder, 'node.key'), '')
  expect(await nodeChecks.key(settingsFor(['--data', folder]), {})).toMatchObject({ result: 'note' })
})
