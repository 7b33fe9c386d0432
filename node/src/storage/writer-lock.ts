/**
 * One writer at a file, in this process and among the processes of this machine: a lock file beside it that names its holder. A lock
 * whose holder is dead, or that nobody has touched for two minutes, is taken over. It knows nothing of what is written.
 */
import { open, readFile, rm, stat, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { onDisk } from '../pack/disk-errors.ts'

export interface WriterLock {
  /** Shows that the holder lives; cheap to call often. */
  touch(): Promise<void>
  /** Idempotent. */
  release(): Promise<void>
}

const staleAfterMs = 120_000
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
  try {
    await onDisk(path, () => createLock(path, signal))
  } catch (thrown) {
    letGo()
    throw thrown
  }
  let touchedMs = performance.now()
  let isReleased = false
  return {
    async touch() {
      if (performance.now() - touchedMs < touchEveryMs) return
      touchedMs = performance.now()
      const now = new Date()
      await utimes(path, now, now).catch(() => {})
    },
    async release() {
      if (isReleased) return
      isReleased = true
      await rm(path, { force: true })
      letGo()
    },
  }
}

async function createLock(path: string, signal: AbortSignal | undefined): Promise<void> {
  for (;;) {
    signal?.throwIfAborted()
    try {
      const file = await open(path, 'wx')
      await file.writeFile(JSON.stringify({ host: hostname(), pid: process.pid }))
      await file.close()
      return
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown
    }
    if (await isStale(path)) await rm(path, { force: true })
    else await new Promise(resolve => setTimeout(resolve, lookEveryMs))
  }
}

/** True also where there is no lock. */
async function isStale(path: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(path)
    if (Date.now() - mtimeMs > staleAfterMs) return true
    const { host, pid } = JSON.parse((await readFile(path, 'utf8')) || '{}') as { host?: unknown; pid?: unknown }
    if (host !== hostname() || typeof pid !== 'number') return false
    // Whoever asks holds the place in this process: a lock under its own number is an earlier process's, as in a container, where
    // numbers begin anew.
    return pid === process.pid || !isAlive(pid)
  } catch {
    return true
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
