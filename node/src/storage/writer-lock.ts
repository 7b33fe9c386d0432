/**
 * One writer at a file, in this process and among the processes of this machine: a lock file beside it that names its holder, who touches
 * it as long as it lives. A lock that nobody touched for two minutes, or for half a minute where its holder is dead too, is taken over.
 * It knows nothing of what is written.
 */
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, readFile, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { onDisk } from '../pack/disk-errors.ts'
import { moveAside } from './move-aside.ts'

export interface WriterLock {
  /** Idempotent. */
  release(): Promise<void>
}

const staleAfterMs = 120_000
/** A number that nobody has here may be alive in another container that shares folder and host name. */
const deadAfterMs = 30_000
const touchEveryMs = 10_000
const lookEveryMs = 200
const heldHere = new Map<string, Promise<void>>()

/** Whether somebody holds the lock at `path` now. */
export async function isLocked(path: string): Promise<boolean> {
  return heldHere.has(path) || !(await isStale(path))
}

/** Waits for the holder. Errors: the signal's reason; the disk's. */
export async function takeLock(path: string, signal?: AbortSignal): Promise<WriterLock> {
  for (let busy = heldHere.get(path); busy !== undefined; busy = heldHere.get(path)) await untilDone(busy, signal)
  signal?.throwIfAborted()
  let letGo = (): void => {}
  heldHere.set(
    path,
    new Promise(resolve => {
      letGo = () => {
        heldHere.delete(path)
        resolve()
      }
    }),
  )
  const mark = JSON.stringify({ host: hostname(), pid: process.pid, token: randomBytes(8).toString('hex') })
  let file: FileHandle
  try {
    file = await onDisk(path, () => createLock(path, mark, signal))
  } catch (thrown) {
    letGo()
    throw thrown
  }
  const touching = setInterval(() => {
    const now = new Date()
    // By its handle: should another have taken the place, that one's lock is not kept alive.
    file.utimes(now, now).catch(() => {})
  }, touchEveryMs)
  touching.unref()
  let isReleased = false
  return {
    async release() {
      if (isReleased) return
      isReleased = true
      clearInterval(touching)
      await file.close().catch(() => {})
      // Not another's, who took it over while this process was held up.
      if ((await readFile(path, 'utf8').catch(() => '')) === mark) await rm(path, { force: true })
      letGo()
    },
  }
}

async function createLock(path: string, mark: string, signal: AbortSignal | undefined): Promise<FileHandle> {
  for (;;) {
    signal?.throwIfAborted()
    try {
      const file = await open(path, 'wx')
      await file.writeFile(mark)
      return file
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown
    }
    if (await isStale(path)) await takeOver(path)
    else await new Promise(resolve => setTimeout(resolve, lookEveryMs))
  }
}

/** True also where there is no lock. */
async function isStale(path: string): Promise<boolean> {
  try {
    const file = await open(path)
    try {
      const { mtimeMs } = await file.stat()
      return isAbandoned(mtimeMs, await file.readFile('utf8'))
    } finally {
      await file.close()
    }
  } catch {
    return true
  }
}

/** Removes a stale lock; one that another contender made meanwhile stays. */
export async function takeOver(path: string): Promise<void> {
  await moveAside(path, async aside => isStale(aside))
}

function isAbandoned(mtimeMs: number, mark: string): boolean {
  const untouchedMs = Date.now() - mtimeMs
  if (untouchedMs > staleAfterMs) return true
  const { host, pid } = holderIn(mark)
  if (host !== hostname() || typeof pid !== 'number') return false
  // Under its own number: an earlier process's where it is older than this one, as in a container, where numbers begin anew.
  if (pid === process.pid) return mtimeMs < performance.timeOrigin
  return untouchedMs > deadAfterMs && !isAlive(pid)
}

function holderIn(mark: string): { readonly host?: unknown; readonly pid?: unknown } {
  try {
    // Empty, or half a mark: its holder is writing it, or was killed over it.
    return JSON.parse(mark)
  } catch {
    return {}
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function untilDone(busy: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return busy
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    void busy.then(() => {
      signal.removeEventListener('abort', abort)
      resolve()
    })
  })
}
