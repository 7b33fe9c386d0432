/**
 * Where records of standing outlive the process: one file, written whole to a neighbour and renamed over, so that a kill at any moment
 * leaves the old or the new. Changes gather for a moment; what must not be lost is on the disk before `save` returns. It judges nothing.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'
import type { Clock } from '@computepool/shared/ports'
import { z } from 'zod'
import { type StandingRecord, standingRecordSchema } from './standing-record.ts'

export interface StandingStore {
  load(): Promise<StandingRecord[]>
  /** Keeps it in the place of the wallet's last one, soon, or `atOnce`: then it lies there when this returns. */
  save(record: StandingRecord, atOnce?: boolean): void
  forget(operator: string): void
  /** When all that was said is written. */
  flush(): Promise<void>
}

/** Keeps records as long as it is kept itself: for pools without a folder, and for tests. */
export function createMemoryStandingStore(kept = new Map<string, StandingRecord>()): StandingStore {
  return {
    load: async () => [...kept.values()],
    save: record => {
      kept.set(record.operator, record)
    },
    forget: operator => {
      kept.delete(operator)
    },
    flush: async () => {},
  }
}

const fileSchema = z.strictObject({ version: z.literal(1), records: z.array(z.unknown()) })
/** Served seconds and checks of so long are lost by a kill. */
const gatherMs = 2000
/** What could not be written is tried again. */
const againMs = 30_000

export interface FileStandingStoreOptions {
  readonly file: string
  readonly clock: Pick<Clock, 'schedule'>
  /** It could not be read, or not be written; the pool goes on without. */
  readonly onFault: (fault: unknown) => void
}

/** Reads the file before it returns. */
export function createFileStandingStore({ file, clock, onFault }: FileStandingStoreOptions): StandingStore {
  const records = new Map(guarded(() => readRecords(file, onFault), [], onFault).map(one => [one.operator, one]))
  const textNow = (): string => JSON.stringify({ version: 1, records: [...records.values()] })
  /** Grows with every write that was begun: an older one that ends later is dropped. */
  let turn = 0
  let isStale = false
  let cancel: (() => void) | null = null
  let writing: Promise<void> | null = null

  const write = async (): Promise<void> => {
    cancel?.()
    cancel = null
    isStale = false
    const own = ++turn
    try {
      makeFolderOf(file)
      const fresh = `${file}.new`
      await writeWhole(fresh, textNow())
      if (own === turn) renameSync(fresh, file)
    } catch (thrown) {
      onFault(thrown)
      isStale = true
      wait(againMs)
    }
  }

  /** One after the other; what changed meanwhile waits its time again. */
  const begin = (): Promise<void> => {
    writing ??= write().finally(() => {
      writing = null
      if (isStale) wait()
    })
    return writing
  }

  const wait = (ms = gatherMs): void => {
    cancel ??= clock.schedule(ms, () => void begin())
  }

  const writeNow = (): true => {
    cancel?.()
    cancel = null
    isStale = false
    turn++
    makeFolderOf(file)
    const fresh = `${file}.now`
    const handle = openSync(fresh, 'w', 0o600)
    try {
      writeSync(handle, textNow())
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    renameSync(fresh, file)
    return true
  }

  const changed = (): void => {
    isStale = true
    if (writing === null) wait()
  }

  return {
    load: async () => [...records.values()],
    save: (record, atOnce = false) => {
      records.set(record.operator, record)
      if (!atOnce) changed()
      else if (!guarded(writeNow, false, onFault)) {
        isStale = true
        wait(againMs)
      }
    },
    forget: operator => {
      if (records.delete(operator)) changed()
    },
    flush: async () => {
      await writing
      if (isStale) await begin()
      cancel?.()
      cancel = null
    },
  }
}

function readRecords(file: string, onFault: (fault: unknown) => void): StandingRecord[] {
  const text = readOrNull(file)
  if (text === null) return []
  const parsed = fileSchema.safeParse(parseJson(text))
  // One record that is not as it should be takes no other with it.
  const good = parsed.success ? parsed.data.records.flatMap(one => standingRecordSchema.safeParse(one).data ?? []) : []
  if (parsed.success && good.length === parsed.data.records.length) return good
  const aside = `${file}.unreadable`
  renameSync(file, aside)
  const message = `${file} does not hold what operators’ standing was, or not all of it; it lies at ${aside} now.`
  const remedy = 'Put a sound copy back before the next start, or leave it: convictions that it held are forgotten.'
  onFault(new ComputePoolError('chain_state_invalid', message, { remedy }))
  return good
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw thrown
  }
}

function guarded<T>(work: () => T, otherwise: T, onFault: (fault: unknown) => void): T {
  try {
    return work()
  } catch (thrown) {
    onFault(thrown)
    return otherwise
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const makeFolderOf = (file: string): void => void mkdirSync(dirname(file), { recursive: true, mode: 0o700 })

/** On the disk before a name points at it: a power cut leaves no empty file. */
async function writeWhole(file: string, text: string): Promise<void> {
  const handle = await open(file, 'w', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}
