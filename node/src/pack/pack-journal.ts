/**
 * Remembers which parts of an unfinished pack are whole, so that a second run goes on where the first stopped. One JSON line a part, after a line
 * that says what is being packed; anything that does not fit is as if it were not there.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { appendFile, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type PackPart, packPartSchema } from '@computepool/shared/model'
import { onDisk } from './disk-errors.ts'

const NAME = 'pack-journal.jsonl'

export interface PackJournal {
  /** The parts of an earlier run whose files still have their size and digest. */
  readonly finished: ReadonlyMap<string, PackPart>
  add(part: PackPart): Promise<void>
  /** The pack is whole: the journal goes. */
  remove(): Promise<void>
}

/** Opens the journal of `outDir`; one of another source, or of other settings (`fingerprint`), is started anew. */
export async function openJournal(outDir: string, fingerprint: string): Promise<PackJournal> {
  const path = join(outDir, NAME)
  const lines = (await readFile(path, 'utf8').catch(() => '')).split('\n')
  const finished = new Map<string, PackPart>()
  if (lines[0] === JSON.stringify({ fingerprint })) {
    for (const line of lines.slice(1)) {
      const part = parseLine(line)
      if (part && (await fileMatches(join(outDir, part.path), part))) finished.set(part.name, part)
    }
  }
  const header = [JSON.stringify({ fingerprint }), ...[...finished.values()].map(part => JSON.stringify(part))]
  await onDisk(path, () => writeFile(path, `${header.join('\n')}\n`))
  return {
    finished,
    add: part => onDisk(path, () => appendFile(path, `${JSON.stringify(part)}\n`)),
    remove: () => onDisk(path, () => rm(path, { force: true })),
  }
}

function parseLine(line: string): PackPart | null {
  try {
    return packPartSchema.safeParse(JSON.parse(line)).data ?? null
  } catch {
    // A run that was killed may leave half a line.
    return null
  }
}

/** True where the file has the size and the SHA-256 that are written down for it. */
export async function fileMatches(
  path: string,
  expected: { readonly sizeBytes: number; readonly sha256: string },
): Promise<boolean> {
  const found = await stat(path).catch(() => null)
  if (found?.size !== expected.sizeBytes) return false
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array)
  return hash.digest('hex') === expected.sha256
}
