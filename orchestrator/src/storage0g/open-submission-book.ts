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
  readonly isFinished?: true | undefined
}

export interface SubmissionBook {
  get(root: Hex): Promise<Submission | undefined>
  /** Returns once it outlives this process. */
  set(root: Hex, submission: Submission): Promise<void>
  /** Its file is stored for good: forgotten, but for the last few, which a node that lags behind another may not know yet. */
  finish(root: Hex): Promise<void>
}

/** So many finished ones are kept. */
const keptFinished = 32

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
    isFinished: z.literal(true).optional(),
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
  const write = async (next: Map<string, Submission>): Promise<void> => {
    const draft = `${file}.${process.pid}`
    const handle = await open(draft, 'w', 0o600)
    try {
      await handle.writeFile(`${JSON.stringify(Object.fromEntries(next), null, 1)}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(draft, file)
    await syncFolder(dirname(file))
  }
  /** What could not be written is not known either: else it would be sent after all, the next time. */
  const change = (make: (next: Map<string, Submission>) => boolean): Promise<void> => {
    const written = writing.then(async () => {
      const next = new Map(known)
      if (!make(next)) return
      await write(next)
      known = next
    })
    writing = written.catch(() => {})
    return written
  }
  return {
    get: async root => known.get(root),
    set: (root, submission) => change(next => next.set(root, submission).size > 0),
    finish: root => change(next => finish(next, root)),
  }
}

/** In memory: gone with the process. */
export function createMemorySubmissions(): SubmissionBook {
  const known = new Map<string, Submission>()
  return {
    get: async root => known.get(root),
    set: async (root, submission) => void known.set(root, submission),
    finish: async root => void finish(known, root),
  }
}

/** Whether there is anything to write. */
function finish(known: Map<string, Submission>, root: Hex): boolean {
  const submission = known.get(root)
  if (submission === undefined || submission.isFinished) return false
  // To the end: the first is the oldest.
  known.delete(root)
  known.set(root, { ...submission, isFinished: true })
  const finished = [...known].filter(([, { isFinished }]) => isFinished)
  for (const [old] of finished.slice(0, -keptFinished)) known.delete(old)
  return true
}

/** So that the new name is on disk too; not every system can. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => null)
  await handle?.sync().catch(() => {})
  await handle?.close()
}
