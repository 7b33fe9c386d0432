/**
 * One value in one file of the data folder, whole at any moment: what `set` returned from outlives a kill. What it means it does not know.
 */
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'
import type { z } from 'zod'

export interface KeptFile<T> {
  readonly value: T
  /** Returns once the value lies on the disk; one after the other. */
  set(next: T): Promise<void>
}

/**
 * `onBroken`: told of a file that holds something else, which then holds `empty` as a missing one does; only for what can be found out anew.
 * @throws chain_state_invalid for such a file where nobody is told.
 */
export async function openKeptFile<T>(
  file: string,
  schema: z.ZodType<T>,
  empty: T,
  onBroken?: (fault: ComputePoolError) => void,
): Promise<KeptFile<T>> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  let value: T = (await readKept(file, schema, empty, onBroken)).value
  let writing: Promise<void> = Promise.resolve()
  const write = async (): Promise<void> => {
    const draft = `${file}.new`
    const handle = await open(draft, 'w', 0o600)
    try {
      await handle.writeFile(`${JSON.stringify(value)}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(draft, file)
    // So that the name is on the disk too; not every system can.
    const folder = await open(dirname(file), 'r').catch(() => null)
    await folder?.sync().catch(() => {})
    await folder?.close()
  }
  return {
    get value() {
      return value
    },
    set(next) {
      value = next
      const written = writing.then(write)
      writing = written.catch(() => {})
      return written
    },
  }
}

async function readKept<T>(
  file: string,
  schema: z.ZodType<T>,
  empty: T,
  onBroken: ((fault: ComputePoolError) => void) | undefined,
): Promise<{ value: T }> {
  const text = await readFile(file, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return null
    throw thrown
  })
  if (text === null) return { value: empty }
  try {
    return { value: schema.parse(JSON.parse(text)) }
  } catch {
    // Without the cause: a parser's message may quote what it read. Without the folder: strangers are told why there is no token.
    const what = `${basename(file)} in the data folder is not what this orchestrator wrote.`
    if (onBroken === undefined) {
      throw new ComputePoolError('chain_state_invalid', what, {
        remedy: 'Put it back from a backup, or move it away: what it told is then forgotten.',
      })
    }
    onBroken(
      new ComputePoolError('chain_state_invalid', what, { remedy: 'It is written anew: nothing is lost but time.' }),
    )
    return { value: empty }
  }
}
