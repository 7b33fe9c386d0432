/**
 * A lock between processes: a file with its holder's pid and, where the system tells it, the time that process started. A holder
 * that died by kill -9, or whose pid was given to another process, is recognised and replaced. It does not know what is locked.
 */
import { readFileSync, unlinkSync } from 'node:fs'
import { link, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { isAlive, type KnownProcess, thisProcess } from './process-alive.ts'

export type LockAttempt =
  /** `release` is idempotent and synchronous, so that an exit handler may call it. */
  | { readonly kind: 'locked'; release(): void }
  /** `pid` is null where others took it again and again. */
  | { readonly kind: 'held'; readonly pid: number | null }

/** Takes the lock at `path`, whose folder is there, or tells who has it. */
export async function lockFile(path: string): Promise<LockAttempt> {
  const mine = JSON.stringify(thisProcess())
  for (let attempt = 0; attempt < 8; attempt++) {
    if (await writeNew(path, mine)) return { kind: 'locked', release: () => releaseLock(path, mine) }
    const text = await readFile(path, 'utf8').catch(() => null)
    if (text === null) continue
    const holder = parseHolder(text)
    if (holder !== null && isAlive(holder)) return { kind: 'held', pid: holder.pid }
    await removeStale(path, text)
  }
  return { kind: 'held', pid: null }
}

/** Written beside and linked, so that nobody ever reads half a lock. */
async function writeNew(path: string, text: string): Promise<boolean> {
  const draft = `${path}.${process.pid}.${Math.trunc(performance.now() * 1000)}`
  await writeFile(draft, text, { mode: 0o600 })
  try {
    await link(draft, path)
    return true
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw cause
  } finally {
    await unlink(draft)
  }
}

/** Two starters may both see the stale lock: whoever moved a fresh one away by mistake puts it back. */
async function removeStale(path: string, staleText: string): Promise<void> {
  const aside = `${path}.stale.${process.pid}`
  try {
    await rename(path, aside)
    if ((await readFile(aside, 'utf8')) !== staleText) await link(aside, path)
    await unlink(aside)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'EEXIST') throw cause
  }
}

function releaseLock(path: string, mine: string): void {
  try {
    if (readFileSync(path, 'utf8') === mine) unlinkSync(path)
  } catch {
    // Gone already: nothing to release.
  }
}

function parseHolder(text: string): KnownProcess | null {
  try {
    const { pid, startedTicks: ticks } = JSON.parse(text) as Partial<KnownProcess>
    if (!Number.isSafeInteger(pid) || pid! <= 0) return null
    return { pid: pid!, startedTicks: typeof ticks === 'string' ? ticks : null }
  } catch {
    return null
  }
}
