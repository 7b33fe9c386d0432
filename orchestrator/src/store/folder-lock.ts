/**
 * Keeps two orchestrators off one folder. The lock is a file with the holder's pid and, where the system tells it, the time
 * that process started: a holder that died by kill -9, or whose pid was given to another process, is recognised and replaced.
 */
import { readFileSync, unlinkSync } from 'node:fs'
import { link, mkdir, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'

export interface FolderLock {
  /** Idempotent; synchronous, so that an exit handler may call it. */
  release(): void
}

interface Holder {
  readonly pid: number
  /** Clock ticks since boot at which the process started (Linux), else null. */
  readonly startedTicks: string | null
}

/** Errors: `chain_ledger_locked` with the holder's pid. */
export async function lockFolder(folder: string): Promise<FolderLock> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, 'orchestrator.lock')
  const mine = JSON.stringify({ pid: process.pid, startedTicks: startedTicks(process.pid) } satisfies Holder)
  for (let attempt = 0; attempt < 8; attempt++) {
    if (await writeNew(path, mine)) return { release: () => releaseLock(path, mine) }
    const text = await readFile(path, 'utf8').catch(() => null)
    if (text === null) continue
    const holder = parseHolder(text)
    if (holder !== null && isAlive(holder)) throw locked(folder, holder.pid)
    await removeStale(path, text)
  }
  throw locked(folder, null)
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

function parseHolder(text: string): Holder | null {
  try {
    const { pid, startedTicks: ticks } = JSON.parse(text) as Partial<Holder>
    if (!Number.isSafeInteger(pid) || pid! <= 0) return null
    return { pid: pid!, startedTicks: typeof ticks === 'string' ? ticks : null }
  } catch {
    return null
  }
}

function isAlive({ pid, startedTicks: ticks }: Holder): boolean {
  try {
    process.kill(pid, 0)
  } catch (cause) {
    // EPERM: it lives, as another user.
    if ((cause as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const now = readStat(pid)
  if (now === null) return true
  // A killed process that nobody waits for (a container without an init) stays in the table as Z: it holds nothing any more.
  if (now.state === 'Z' || now.state === 'X') return false
  return ticks === null || ticks === now.startedTicks
}

const startedTicks = (pid: number): string | null => readStat(pid)?.startedTicks ?? null

/** Fields 3 and 22 of /proc/<pid>/stat; the name in field 2 may hold spaces, so count from its closing bracket. */
function readStat(pid: number): { state: string; startedTicks: string } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0]!, startedTicks: fields[19]! }
  } catch {
    return null
  }
}

const locked = (folder: string, pid: number | null): ComputePoolError =>
  new ComputePoolError(
    'chain_ledger_locked',
    `Another orchestrator${pid === null ? '' : ` (process ${pid})`} is using the data folder "${folder}".`,
    { remedy: 'Stop it, or choose another folder with --data.', context: { pid } },
  )
