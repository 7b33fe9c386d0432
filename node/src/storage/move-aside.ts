/**
 * Takes a file away from its name, and only that file: of several that try, one gets it, and what another put in its place meanwhile
 * goes back. It knows nothing of what the file holds.
 */
import { randomBytes } from 'node:crypto'
import { link, rename, rm } from 'node:fs/promises'

/** Removes the file at `path` if it is what `isIt` says once it lies aside, where nobody else touches it. */
export async function moveAside(path: string, isIt: (aside: string) => Promise<boolean>): Promise<void> {
  const aside = `${path}.${randomBytes(8).toString('hex')}`
  try {
    await rename(path, aside)
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return
    throw thrown
  }
  // A link, unlike a rename, never replaces what a third has put there.
  if (!(await isIt(aside))) await link(aside, path).catch(() => {})
  await rm(aside, { force: true })
}
