/** Keeps two orchestrators off one data folder. How a lock outlives nobody is the lock file's affair. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { lockFile } from '@computepool/contracts/chain'
import { ComputePoolError } from '@computepool/shared/errors'

export interface FolderLock {
  /** Idempotent; synchronous, so that an exit handler may call it. */
  release(): void
}

/** Errors: `chain_ledger_locked` with the holder's pid. */
export async function lockFolder(folder: string): Promise<FolderLock> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const attempt = await lockFile(join(folder, 'orchestrator.lock'))
  if (attempt.kind === 'locked') return attempt
  const { pid } = attempt
  throw new ComputePoolError(
    'chain_ledger_locked',
    `Another orchestrator${pid === null ? '' : ` (process ${pid})`} is using the data folder "${folder}".`,
    { remedy: 'Stop it, or choose another folder with --data.', context: { pid } },
  )
}
