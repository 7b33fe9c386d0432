/**
 * Cuts anvil's state file down to what anybody still asks for: all accounts, every block with a transaction, and the newest
 * blocks. An empty block takes 1.7 kB, a chain of one-second blocks 150 MB a day. It knows the file and no process.
 */
import { copyFile, readFile, rename, writeFile } from 'node:fs/promises'
import { ComputePoolError } from '@computepool/shared/errors'
import { goodFile } from './good-state.ts'

/** EVM's BLOCKHASH reaches back 256 blocks. */
const NEWEST_BLOCKS = 256

export interface CompactedState {
  readonly blocksBefore: number
  readonly blocksAfter: number
  readonly sizeBytes: number
  /** True where the file was cut off (a crash while anvil wrote it) and the last good one took its place. */
  readonly restored: boolean
  /** Why the state was left as it was; null where it was cut. */
  readonly uncutBecause: string | null
}

/** Where the state lies as it was before the last cut, until somebody has started on the cut one. */
export const uncutFile = (file: string) => `${file}.uncut`

/** Undoes the last cut; false where there is nothing to put back. */
export async function putUncutBack(file: string): Promise<boolean> {
  try {
    await rename(uncutFile(file), file)
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw thrown
  }
  // The good one was cut too; a failed copy costs the spare, not the state.
  await copyFile(file, goodFile(file)).catch(() => {})
  return true
}

interface AnvilState {
  best_block_number: number
  blocks: { header: { number: string }; transactions: unknown[] }[]
  accounts: Record<string, unknown>
}

/**
 * Compacts `file` and keeps a copy of it beside as the last good state; undefined where there is no state yet. A whole state that
 * cannot be cut (a full disk) stays, and the result says why.
 * @throws chain_state_invalid where neither the file nor its copy can be read; chain_unavailable where the copy cannot be put back.
 */
export async function compactState(file: string): Promise<CompactedState | undefined> {
  const backup = goodFile(file)
  const [state, good] = await Promise.all([readState(file), readState(backup)])
  if (state === 'missing' && good === 'missing') return undefined
  const restored = typeof state !== 'object'
  const chosen = restored ? good : state
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
  const figures = { blocksBefore: chosen.blocks.length, sizeBytes: text.length, restored }
  const draft = `${file}.draft`
  try {
    await writeFile(draft, text, { mode: 0o600 })
    await copyFile(draft, `${backup}.draft`)
    await rename(`${backup}.draft`, backup)
    if (!restored) await rename(file, uncutFile(file))
    await rename(draft, file)
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? String(cause)
    if (!restored) {
      if ((await readState(file)) === 'missing') await putUncutBack(file)
      return { ...figures, blocksAfter: chosen.blocks.length, uncutBecause: reason }
    }
    throw new ComputePoolError(
      'chain_unavailable',
      `The last whole state could not be put back as ${file}: ${reason}.`,
      {
        remedy: 'Make room on the disk and start again; the last whole state is still there.',
        cause,
      },
    )
  }
  return { ...figures, blocksAfter: blocks.length, uncutBecause: null }
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
