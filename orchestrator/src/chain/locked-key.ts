/**
 * A lock of one sending key for this person on this machine, whatever the data folders: two programs that send from one key take each other's
 * numbers. It does not know what is paid, and notices no other machine.
 */
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { lockFile } from '@computepool/contracts/chain'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Address } from 'viem'

export interface LockedKeyOptions {
  readonly rpcUrl: string
  readonly chainId: number
  /** The key's. */
  readonly address: Address
  /** What another that holds it does: "Another program ‹does›." */
  readonly does: string
  /** What to do where another holds it. */
  readonly remedy: string
}

export interface KeyLock {
  /** Idempotent and synchronous, so that an exit handler may call it. */
  release(): void
}

/** Errors: `chain_ledger_locked` where another has it, `chain_ledger_unreachable` where no lock can be written. */
export async function lockedKey({ rpcUrl, chainId, address, does, remedy }: LockedKeyOptions): Promise<KeyLock> {
  // By number: in a container nobody may have written down whose it is.
  const folder = join(tmpdir(), `computepool-keys-${process.getuid?.() ?? 'user'}`)
  // Chains of one's own have one number, and may have one key: each is another by its port.
  const place = isThisMachine(rpcUrl) ? `${chainId}-${new URL(rpcUrl).port}` : String(chainId)
  const file = join(folder, `${place}-${address.slice(2).toLowerCase()}.lock`)
  const attempt = await mkdir(folder, { recursive: true, mode: 0o700 })
    .then(() => lockFile(file))
    .catch(cause => {
      throw unwritable(cause, address, folder)
    })
  if (attempt.kind === 'locked') return attempt
  const { pid } = attempt
  const who = `Another program${pid === null ? '' : ` (process ${pid})`}`
  throw new ComputePoolError('chain_ledger_locked', `${who} ${does}.`, { remedy, context: { pid } })
}

export const isThisMachine = (url: string): boolean => /^(127\.0\.0\.1|localhost|\[::1\])$/.test(new URL(url).hostname)

/** Without the folder's place: strangers may be told of it. */
function unwritable(cause: unknown, address: Address, folder: string): ComputePoolError {
  const { code = 'unknown' } = cause as NodeJS.ErrnoException
  const name = basename(folder)
  return new ComputePoolError(
    'chain_ledger_unreachable',
    `The lock of the key of ${address} cannot be written (${code}): ${name} in the folder for temporary files.`,
    {
      remedy: `Make ${name} this user's own and writable, or name another folder for temporary files with TMPDIR, the same for all that pay from this key.`,
      cause,
    },
  )
}
