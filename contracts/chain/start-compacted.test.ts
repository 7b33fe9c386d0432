import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { startCompacted } from './start-compacted.ts'

let dir: string
let file: string
let notices: string[]
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'state-'))
  file = join(dir, 'state.json')
  notices = []
})
afterEach(() => rm(dir, { recursive: true }))

const uncut = JSON.stringify({
  best_block_number: 999,
  accounts: {},
  blocks: Array.from({ length: 1000 }, (_, number) => ({
    header: { number: `0x${number.toString(16)}` },
    transactions: [],
  })),
})
const onNotice = (notice: string) => void notices.push(notice)
const read = () => readFile(file, 'utf8')

it('starts on the cut state and leaves no other behind', async () => {
  await writeFile(file, uncut)
  const { started, compacted } = await startCompacted({ file, start: read, onNotice })
  expect({ blocks: JSON.parse(started).blocks.length, compacted: compacted?.blocksBefore }).toEqual({
    blocks: 257,
    compacted: 1000,
  })
  expect({ notices, files: await readdir(dir) }).toEqual({ notices: [], files: ['state.json', 'state.json.good'] })
})

it('starts on the uncut state where the cut one is not accepted', async () => {
  await writeFile(file, uncut)
  const start = async () => {
    const text = await read()
    if (text !== uncut) throw new Error('a gap in the blocks')
    return text
  }
  expect(await startCompacted({ file, start, onNotice })).toEqual({ started: uncut, compacted: null })
  expect(notices).toHaveLength(1)
})

it('keeps the uncut state where nothing starts, and the next start has it', async () => {
  await writeFile(file, uncut)
  const start = async () => {
    throw new Error('the port is taken')
  }
  await expect(startCompacted({ file, start, onNotice })).rejects.toThrow('the port is taken')
  expect(await read()).toBe(uncut)
})
