/**
 * The last whole state, kept beside the one that anvil writes: it writes in place, so a power cut may leave half a file. It looks
 * at a file's end and not inside, for states are tens of megabytes and this process has other work.
 */
import { constants } from 'node:fs'
import { copyFile, open, readFile, rename, rm, stat } from 'node:fs/promises'

export const goodFile = (file: string) => `${file}.good`

/** Younger than this, anvil may still be at it. */
const SETTLED_MS = 1000
/** How anvil's file ends, its last entry being what `--prune-history` leaves empty. */
const END = ',"historical_states":null}'

/** Copies `file` to its good one where it is newer, settled and whole; true where it did. */
export async function keepGoodState(file: string, nowMs = Date.now()): Promise<boolean> {
  const [before, good] = await Promise.all([statOf(file), statOf(goodFile(file))])
  if (before === undefined || nowMs - before.mtimeMs < SETTLED_MS) return false
  if (good !== undefined && good.mtimeMs >= before.mtimeMs) return false
  const draft = `${goodFile(file)}.draft`
  await copyFile(file, draft, constants.COPYFILE_FICLONE)
  const after = await statOf(file)
  const isSame = after?.mtimeMs === before.mtimeMs && after.size === before.size
  if (!isSame || !(await isWhole(draft))) {
    await rm(draft, { force: true })
    return false
  }
  await rename(draft, goodFile(file))
  return true
}

async function isWhole(file: string): Promise<boolean> {
  const handle = await open(file, 'r+')
  try {
    const { size } = await handle.stat()
    const { buffer, bytesRead } = await handle.read({
      buffer: Buffer.alloc(END.length),
      position: Math.max(0, size - END.length),
    })
    await handle.sync()
    if (buffer.toString('utf8', 0, bytesRead) === END) return true
  } finally {
    await handle.close()
  }
  // Another anvil's order of entries: then it has to be read.
  try {
    JSON.parse(await readFile(file, 'utf8'))
    return true
  } catch {
    return false
  }
}

const statOf = (file: string) => stat(file).catch(() => undefined)
