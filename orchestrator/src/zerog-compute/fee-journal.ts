/**
 * Lines that outlive the process: each is on the disk before it counts, and those that come together go there together. A line that a power
 * cut tore off at the end was never told to anybody, and is dropped. It knows no fees.
 */
import { type FileHandle, mkdir, open, readFile, rename } from 'node:fs/promises'
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

export interface FeeJournalOptions {
  readonly file: string
  /** Fewer lines that say the same; it keeps none of what it is given. */
  readonly shorten: (lines: readonly unknown[]) => readonly object[]
  /** The file could not be shortened. */
  readonly onFault: (fault: unknown) => void
}

/** After so many new lines the file is shortened again. */
const shortenAfter = 4096

/**
 * Opens it, and writes it anew with what `shorten` makes of its lines, then and whenever it has become long, so that it does not grow for ever. Errors:
 * `chain_state_invalid` for a file that is damaged anywhere but at its end.
 */
export async function openFeeJournal({ file, shorten, onFault }: FeeJournalOptions): Promise<FeeJournal> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const draft = `${file}.new`
  const writeDraft = async (): Promise<readonly object[]> => {
    const kept = shorten(parseLines(file, await readOrEmpty(file)))
    const fresh = await open(draft, 'w', 0o600)
    try {
      await fresh.writeFile(kept.map(asLine).join(''))
      await fresh.sync()
    } finally {
      await fresh.close()
    }
    return kept
  }
  const takeDraft = async (): Promise<FileHandle> => {
    await rename(draft, file)
    // So that the name is on the disk too; not every system can.
    const folder = await open(dirname(file), 'r').catch(() => null)
    await folder?.sync().catch(() => {})
    await folder?.close()
    return open(file, 'a', 0o600)
  }
  const lines = await writeDraft()
  let handle = await takeDraft()
  let waiting: string[] = []
  let writing: Promise<void> | null = null
  let hasFailed = false
  let added = 0
  let mostAdded = Math.max(shortenAfter, lines.length)
  const writeAll = async (): Promise<void> => {
    const texts = waiting
    waiting = []
    try {
      await handle.appendFile(texts.join(''))
      await handle.sync()
    } catch (thrown) {
      hasFailed = true
      throw thrown
    }
    added += texts.length
  }
  /** Between two writings, so that the file is all that was ever appended: what waits comes after it. */
  const shortenIfLong = async (): Promise<void> => {
    if (added < mostAdded) return
    added = 0
    try {
      const { length } = await writeDraft()
      mostAdded = Math.max(shortenAfter, length)
    } catch (thrown) {
      // The long one is as good, and is tried again.
      onFault(thrown)
      return
    }
    try {
      // First: some systems rename over no file that is open.
      await handle.close()
      handle = await takeDraft()
    } catch (thrown) {
      hasFailed = true
      onFault(thrown)
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
        last = mine.then(shortenIfLong)
        // Whoever appended hears of it; the chain itself must not end the process.
        mine.catch(() => {})
        last.catch(() => {})
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
