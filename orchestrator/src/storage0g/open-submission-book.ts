/**
 * Which transaction paid for which root, on disk before it is sent: killed at any moment, what was paid is found again, and what was only
 * signed is sent again as the same bytes. It knows no chain.
 */
import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Hex } from 'viem'
import { z } from 'zod'

/** A transaction that pays for a file. */
export interface Submission {
  readonly hash: Hex
  /** Its bytes as signed: to send them again is harmless. */
  readonly signed: Hex
}

export interface SubmissionBook {
  get(root: Hex): Promise<Submission | undefined>
  /** Returns once it outlives this process. */
  set(root: Hex, submission: Submission): Promise<void>
}

const hash = z.string().regex(/^0x[0-9a-f]{64}$/)
const bookSchema = z.record(
  hash,
  z.strictObject({
    hash: hash.transform(value => value as Hex),
    signed: z
      .string()
      .regex(/^0x[0-9a-f]+$/)
      .max(20_000)
      .transform(value => value as Hex),
  }),
)

/** Errors: `chain_state_invalid` where the file is no book. */
export async function openSubmissionBook(file: string): Promise<SubmissionBook> {
  const text = await readFile(file, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return '{}'
    throw thrown
  })
  let known: Map<string, Submission>
  try {
    known = new Map(Object.entries(bookSchema.parse(JSON.parse(text))))
  } catch {
    throw new ComputePoolError('chain_state_invalid', `${file} does not tell which uploads were paid for.`, {
      remedy: 'Put the file back from a backup; without it, uploads that were cut short are paid for again.',
    })
  }
  let writing: Promise<unknown> = Promise.resolve()
  const write = async (): Promise<void> => {
    const draft = `${file}.${process.pid}`
    const handle = await open(draft, 'w', 0o600)
    try {
      await handle.writeFile(`${JSON.stringify(Object.fromEntries(known), null, 1)}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(draft, file)
    await syncFolder(dirname(file))
  }
  return {
    get: async root => known.get(root),
    set(root, submission) {
      known.set(root, submission)
      const written = writing.then(write)
      writing = written.catch(() => {})
      return written
    },
  }
}

/** In memory: gone with the process. */
export function createMemorySubmissions(): SubmissionBook {
  const known = new Map<Hex, Submission>()
  return {
    get: async root => known.get(root),
    set: async (root, submission) => void known.set(root, submission),
  }
}

/** So that the new name is on disk too; not every system can. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => null)
  await handle?.sync().catch(() => {})
  await handle?.close()
}
