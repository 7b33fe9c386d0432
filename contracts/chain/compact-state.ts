/**
 * Cuts anvil's state file down to what anybody still asks for: all accounts, every block with a transaction, and the newest
 * blocks. An empty block takes 1.7 kB, a chain of one-second blocks 150 MB a day. It knows the file and no process.
 */
import { copyFile, readFile, rename, writeFile } from 'node:fs/promises'
import { ComputePoolError } from '@computepool/shared/errors'

/** EVM's BLOCKHASH reaches back 256 blocks. */
const NEWEST_BLOCKS = 256

export interface CompactedState {
  readonly blocksBefore: number
  readonly blocksAfter: number
  readonly sizeBytes: number
  /** True where the file was cut off (a crash while anvil wrote it) and the last good one took its place. */
  readonly restored: boolean
}

interface AnvilState {
  best_block_number: number
  blocks: { header: { number: string }; transactions: unknown[] }[]
  accounts: Record<string, unknown>
}

/**
 * Compacts `file` and keeps a copy of it beside as the last good state; undefined where there is no state yet.
 * @throws chain_state_invalid where neither the file nor its copy can be read.
 */
export async function compactState(file: string): Promise<CompactedState | undefined> {
  const backup = `${file}.good`
  const [state, good] = await Promise.all([readState(file), readState(backup)])
  if (state === 'missing' && good === 'missing') return undefined
  const chosen = typeof state === 'object' ? state : good
  if (typeof chosen !== 'object') {
    throw new ComputePoolError('chain_state_invalid', `${file} is not a state of the embedded chain.`, {
      remedy: 'Put the file back from a backup, or remove the data folder to begin with a new chain.',
    })
  }
  const blocks = chosen.blocks.filter(({ header, transactions }) => {
    const number = Number(header.number)
    return number === 0 || transactions.length > 0 || number > chosen.best_block_number - NEWEST_BLOCKS
  })
  const text = JSON.stringify({ ...chosen, blocks })
  const draft = `${file}.draft`
  await writeFile(draft, text, { mode: 0o600 })
  await copyFile(draft, `${backup}.draft`)
  await rename(`${backup}.draft`, backup)
  await rename(draft, file)
  return {
    blocksBefore: chosen.blocks.length,
    blocksAfter: blocks.length,
    sizeBytes: text.length,
    restored: typeof state !== 'object',
  }
}

async function readState(file: string): Promise<AnvilState | 'missing' | 'broken'> {
  const text = await readFile(file, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return undefined
    throw thrown
  })
  if (text === undefined) return 'missing'
  try {
    const state = JSON.parse(text) as AnvilState
    const isWhole = Number.isInteger(state.best_block_number) && Array.isArray(state.blocks) && state.accounts !== null
    return isWhole ? state : 'broken'
  } catch {
    return 'broken'
  }
}
