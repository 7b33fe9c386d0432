/**
 * What costs much to make and is the same until its sources change, in a folder below a cache: made by whichever process asks first,
 * found by all others. It knows files and nothing of what they are.
 */
import { mkdir, mkdtemp, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import path from 'node:path'
import { onceAcross } from './compile-lock.ts'

const dayMs = 86_400_000
/** By which a file's time may differ from the clock without one of them having been set: file systems round. */
const roundingMs = 2_000

/**
 * The folder `name` of `cache`, after `make` has filled it, now or earlier. `make` is given an empty folder, and fills the whole of it or throws.
 * What was made or used later than now is made again: the clock was set back, and the times in it would be of the future.
 */
export async function onceInFolder(options: {
  readonly cache: string
  /** Another one where what is made would be another. */
  readonly name: string
  readonly make: (folder: string) => Promise<void>
}): Promise<string> {
  const { cache, name, make } = options
  const folder = path.join(cache, name)
  await mkdir(cache, { recursive: true })
  const done = async (): Promise<string | undefined> => {
    const mtimeMs = await mtimeOf(folder)
    // Read after the folder's, which another process may just have set.
    const now = new Date()
    if (mtimeMs === undefined || mtimeMs > now.getTime() + roundingMs) return undefined
    // Whoever looks for old ones sees that it is in use.
    return utimes(folder, now, now).then(
      () => folder,
      () => undefined,
    )
  }
  return onceAcross({
    lockFile: `${folder}.lock`,
    done,
    make: async () => {
      await removeOld(cache)
      // Of the future, if it is there at all.
      await rm(folder, { recursive: true, force: true })
      const draft = await mkdtemp(`${folder}.`)
      try {
        await make(draft)
        await rename(draft, folder)
      } catch (thrown) {
        await rm(draft, { recursive: true, force: true })
        // Another process took the lock over and was faster: it made the same.
        if ((await done()) === undefined) throw thrown
      }
      return folder
    },
  })
}

const mtimeOf = (found: string): Promise<number | undefined> =>
  stat(found).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  )

/** Of other sources, or half made: no run of tests lasts for a day. */
async function removeOld(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    const found = path.join(cache, name)
    if (Date.now() - ((await mtimeOf(found)) ?? Number.POSITIVE_INFINITY) > dayMs) {
      await rm(found, { recursive: true, force: true })
    }
  }
}
