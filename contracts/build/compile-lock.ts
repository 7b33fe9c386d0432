/**
 * One compiler at a time for one result, across processes: tests start several at once, and each would spend both cores on the
 * same bytes. Knows files and process ids; knows no Solidity.
 */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** Runs `make` unless another process made `done` answer meanwhile. A lock whose process is gone is taken over. */
export async function onceAcross<T>(options: {
  readonly lockFile: string
  /** The result, where it is there. */
  readonly done: () => Promise<T | undefined>
  readonly make: () => Promise<T>
}): Promise<T> {
  const { lockFile, done, make } = options
  for (;;) {
    const ready = await done()
    if (ready !== undefined) return ready
    if (await taken(lockFile)) break
    await sleep(100)
  }
  try {
    return (await done()) ?? (await make())
  } finally {
    await rm(lockFile, { force: true })
  }
}

async function taken(lockFile: string): Promise<boolean> {
  try {
    await writeFile(lockFile, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const holder = Number(await readFile(lockFile, 'utf8').catch(() => ''))
  // An empty file is a lock that is just being written.
  if (holder > 0 && !isRunning(holder)) await rm(lockFile, { force: true })
  return false
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
