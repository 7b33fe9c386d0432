/**
 * One compiler at a time for one result, across processes: tests start several at once, and each would spend both cores on the
 * same bytes. It saves work and guards nothing: a maker that stood still for minutes may find that another one made the same.
 * Knows files and process ids; knows no Solidity.
 */
import { randomUUID } from 'node:crypto'
import { link, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** A maker takes seconds. Whoever is killed leaves a lock, and its process id goes to another process sooner or later. */
const abandonedAfterMs = 5 * 60_000

/** Runs `make` unless another process made `done` answer meanwhile. A lock whose process is gone, or that is minutes old, is taken over. */
export async function onceAcross<T>(options: {
  readonly lockFile: string
  /** The result, where it is there. */
  readonly done: () => Promise<T | undefined>
  /** May run in two processes at once: its result has to be the same, and whole for whoever finds it. */
  readonly make: () => Promise<T>
  /** How locks are read; tests hold a reader back here. */
  readonly read?: (file: string) => Promise<string>
}): Promise<T> {
  const { lockFile, done, make, read = readText } = options
  const mine = `${process.pid} ${randomUUID()}`
  for (;;) {
    const ready = await done()
    if (ready !== undefined) return ready
    if (await taken(lockFile, mine, read)) break
    await sleep(100)
  }
  try {
    return (await done()) ?? (await make())
  } finally {
    await drop(lockFile, mine)
  }
}

const readText = (file: string): Promise<string> => readFile(file, 'utf8')

async function taken(lockFile: string, mine: string, read: typeof readText): Promise<boolean> {
  try {
    await writeFile(lockFile, mine, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const held = await heldSince(lockFile, read)
  if (held && isAbandoned(held)) await drop(lockFile, held.text)
  return false
}

/** Nothing where the lock was given back meanwhile. */
async function heldSince(lockFile: string, read: typeof readText): Promise<{ text: string; atMs: number } | undefined> {
  try {
    const { mtimeMs: atMs } = await stat(lockFile)
    return { text: await read(lockFile), atMs }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function isAbandoned({ text, atMs }: { text: string; atMs: number }): boolean {
  // Of the future, where the clock was set back.
  if (Math.abs(Date.now() - atMs) > abandonedAfterMs) return true
  const holder = Number.parseInt(text, 10)
  // An empty file is a lock that is just being written.
  return holder > 0 && !isRunning(holder)
}

/** Removes the lock that says `text`, and no other: since it was read, another process may have put its own in the same place. */
async function drop(lockFile: string, text: string): Promise<void> {
  const aside = `${lockFile}.${randomUUID()}`
  try {
    await rename(lockFile, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  // Where a third process took the free place meanwhile, two make the same.
  if ((await readText(aside)) !== text) await link(aside, lockFile).catch(() => {})
  await rm(aside, { force: true })
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
