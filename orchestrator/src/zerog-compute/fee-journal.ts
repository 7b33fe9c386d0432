/**
 * Lines that outlive the process: each is on the disk before it counts, and those that come together go there together. A line that a power
 * cut tore off at the end was never told to anybody, and is dropped. It knows no fees.
 */
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'

export interface FeeJournal {
  /** What was read when it was opened. */
  readonly lines: readonly unknown[]
  /** Resolves when the line is on the disk. Once one could not be written, all later ones reject too: nothing may be missing in between. */
  append(line: object): Promise<void>
  /** A line could not be written: what the file holds is less than what was appended, until it is opened again. */
  hasFailed(): boolean
  close(): Promise<void>
}

/**
 * Opens it, and writes it anew with what `shorten` makes of its lines, so that it does not grow for ever. Errors: `chain_state_invalid` for a
 * file that is damaged anywhere but at its end.
 */
export async function openFeeJournal(
  file: string,
  shorten: (lines: readonly unknown[]) => readonly object[],
): Promise<FeeJournal> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const lines = shorten(parseLines(file, await readOrEmpty(file)))
  const fresh = `${file}.new`
  const draft = await open(fresh, 'w', 0o600)
  await draft.writeFile(lines.map(asLine).join(''))
  await draft.sync()
  await draft.close()
  await rename(fresh, file)
  const handle = await open(file, 'a', 0o600)
  let waiting: string[] = []
  let writing: Promise<void> | null = null
  let hasFailed = false
  const writeAll = async (): Promise<void> => {
    const text = waiting.join('')
    waiting = []
    try {
      await handle.appendFile(text)
      await handle.sync()
    } catch (thrown) {
      hasFailed = true
      throw thrown
    }
  }
  let last: Promise<void> = Promise.resolve()
  return {
    lines,
    hasFailed: () => hasFailed,
    append: line => {
      if (hasFailed) return last
      waiting.push(asLine(line))
      if (writing === null) {
        const mine = last.then(() => {
          writing = null
          return writeAll()
        })
        writing = mine
        last = mine
        // Whoever appended hears of it; the chain itself must not end the process.
        mine.catch(() => {})
      }
      return writing
    },
    close: async () => {
      await last.catch(() => {})
      await handle.close()
    },
  }
}

const asLine = (line: unknown): string => `${JSON.stringify(line)}\n`

async function readOrEmpty(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw thrown
  }
}

function parseLines(file: string, text: string): unknown[] {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  return whole
    .split('\n')
    .filter(line => line !== '')
    .map((line, at) => {
      try {
        return JSON.parse(line)
      } catch (cause) {
        throw damaged(file, at, cause)
      }
    })
}

export const damaged = (file: string, at: number, cause: unknown): ComputePoolError =>
  new ComputePoolError('chain_state_invalid', `Line ${at + 1} of ${file} is damaged: it holds unsettled fees.`, {
    remedy: 'Put a sound copy back, or move the file aside: fees that only it knows are not settled then.',
    cause,
  })
