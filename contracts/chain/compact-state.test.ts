import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { compactState } from './compact-state.ts'

let dir: string
let file: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'state-'))
  file = join(dir, 'state.json')
})
afterEach(() => rm(dir, { recursive: true }))

const stateOf = (count: number, withTransactions: readonly number[]) => ({
  best_block_number: count - 1,
  accounts: { '0x1': { balance: '0x5' } },
  blocks: Array.from({ length: count }, (_, number) => ({
    header: { number: `0x${number.toString(16)}` },
    transactions: withTransactions.includes(number) ? [{}] : [],
  })),
})

it('keeps accounts, the first block, blocks with transactions and the newest 256', async () => {
  const state = stateOf(1000, [7, 900])
  await writeFile(file, JSON.stringify(state))
  expect(await compactState(file)).toMatchObject({ blocksBefore: 1000, blocksAfter: 258, restored: false })
  const kept = JSON.parse(await readFile(file, 'utf8')) as typeof state
  const numbers = kept.blocks.map(({ header }) => Number(header.number))
  expect(numbers).toEqual([0, 7, ...Array.from({ length: 256 }, (_, index) => 744 + index)])
  expect({ ...kept, blocks: [] }).toEqual({ ...state, blocks: [] })
  expect(await compactState(file)).toMatchObject({ blocksBefore: 258, blocksAfter: 258 })
})

it('takes the last whole state where a file is cut off, and refuses where there is none', async () => {
  expect(await compactState(file)).toBe(undefined)
  await writeFile(file, '{"best_block')
  await expect(compactState(file)).rejects.toMatchObject({ code: 'chain_state_invalid' })
  await writeFile(file, JSON.stringify(stateOf(3, [])))
  await compactState(file)
  await writeFile(file, '')
  expect(await compactState(file)).toMatchObject({ restored: true, blocksAfter: 3 })
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(stateOf(3, []))
})
