/**
 * What costs much to make and is the same until its sources change, in a folder below a cache: made by whichever process asks first,
 * found by all others. It knows files and nothing of what they are.
 */
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import path from 'node:path'
import { onceAcross } from './compile-lock.ts'

const dayMs = 86_400_000

/** The folder `name` of `cache`, after `make` has filled it, now or earlier. `make` is given an empty folder, and fills the whole of it or throws. */
export async function onceInFolder(options: {
  readonly cache: string
  /** Another one where what is made would be another. */
  readonly name: string
  readonly make: (folder: string) => Promise<void>
}): Promise<string> {
  const { cache, name, make } = options
  const folder = path.join(cache, name)
  await mkdir(cache, { recursive: true })
  return onceAcross({
    lockFile: `${folder}.lock`,
    done: async () => {
      const now = new Date()
      // Whoever looks for old ones sees that it is in use.
      return utimes(folder, now, now).then(
        () => folder,
        () => undefined,
      )
    },
    make: async () => {
      await removeOld(cache)
      const draft = `${folder}.${process.pid}`
      await rm(draft, { recursive: true, force: true })
      await mkdir(draft)
      await make(draft)
      await rename(draft, folder)
      return folder
    },
  })
}

/** Of other sources, or half made: no run of tests lasts for a day. */
async function removeOld(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    const found = path.join(cache, name)
    const { mtimeMs } = await stat(found).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }))
    if (Date.now() - mtimeMs > dayMs) await rm(found, { recursive: true, force: true })
  }
}
