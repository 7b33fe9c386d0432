/**
 * Opens the ledger's database: PostgreSQL inside this process (PGlite; a folder, or memory for tests), or a PostgreSQL server.
 * The same Drizzle code runs on both. It knows no tables.
 */
import { rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { asComputePoolError, ComputePoolError } from '@computepool/shared/errors'
import { PGlite } from '@electric-sql/pglite'
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'
import { drizzle as drizzleOnPglite } from 'drizzle-orm/pglite'
import { drizzle as drizzleOnServer } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { type FolderLock, lockFolder } from './folder-lock.ts'
import { type Migration, migrate, type RunTransaction, readMigrations } from './migrate.ts'
import { asPglite, openPgliteThread } from './pglite-thread.ts'

/** A Drizzle handle of either driver; a transaction is one too. */
export type Database = PgDatabase<PgQueryResultHKT>

export interface OpenDatabase {
  readonly db: Database
  readonly kind: 'memory' | 'folder' | 'server'
  /** Names of the migrations that this opening applied. */
  readonly applied: readonly string[]
  /** Idempotent. */
  close(): Promise<void>
}

export type DatabasePlace =
  /** `from`: a dumped data folder to begin with. */
  | { readonly memory: true; readonly from?: Blob }
  /** The ledger lies in `<dataDir>/ledger`; the whole folder is locked. */
  | { readonly dataDir: string }
  | { readonly databaseUrl: string }

export type OpenDatabaseOptions = DatabasePlace & {
  readonly signal?: AbortSignal
  /** Default: the SQL files of this version. */
  readonly migrations?: readonly Migration[]
}

interface Opened {
  readonly db: Database
  readonly kind: OpenDatabase['kind']
  readonly run: RunTransaction
  close(): Promise<void>
}

/**
 * Errors: `chain_ledger_locked` (another orchestrator), `chain_ledger_unreachable` (no such server, or a folder that cannot be
 * read), `chain_ledger_newer`, `chain_ledger_changed`.
 */
export async function openDatabase(options: OpenDatabaseOptions): Promise<OpenDatabase> {
  options.signal?.throwIfAborted()
  const opened = await openPlace(options)
  try {
    const applied = await migrate(opened.run, options.migrations ?? (await readMigrations()))
    options.signal?.throwIfAborted()
    let closing: Promise<void> | null = null
    const close = (): Promise<void> => {
      closing ??= opened.close()
      return closing
    }
    return { db: opened.db, kind: opened.kind, applied, close }
  } catch (cause) {
    await opened.close()
    throw cause
  }
}

function openPlace(options: OpenDatabaseOptions): Promise<Opened> {
  if ('memory' in options) return openEmbedded(options.from, 'memory', null)
  if ('dataDir' in options) return openFolder(options.dataDir)
  return openServer(options.databaseUrl)
}

async function openFolder(dataDir: string): Promise<Opened> {
  const lock = await lockFolder(dataDir)
  const folder = join(dataDir, 'ledger')
  try {
    if (!(await exists(folder))) {
      // A kill while the cluster is being made would leave half of one: make it aside, then move it.
      const draft = `${folder}.new`
      await rm(draft, { recursive: true, force: true })
      const fresh = await openPgliteThread(draft)
      await fresh.close()
      await rename(draft, folder)
    }
    return await openEmbedded(folder, 'folder', lock)
  } catch (cause) {
    lock.release()
    throw unreachable(
      `The ledger in "${folder}" cannot be opened`,
      cause,
      'Check that the folder is whole and writable.',
    )
  }
}

async function openEmbedded(
  start: string | Blob | undefined,
  kind: 'memory' | 'folder',
  lock: FolderLock | null,
): Promise<Opened> {
  // In memory it is a test's own, and nobody waits for tokens.
  const pglite =
    typeof start === 'string'
      ? asPglite(await openPgliteThread(start))
      : await PGlite.create(start === undefined ? {} : { loadDataDir: start })
  const run: RunTransaction = work =>
    pglite.transaction(tx =>
      work({
        exec: async statements => {
          await tx.exec(statements)
        },
        query: async (statement, parameters = []) =>
          (await tx.query<Record<string, unknown>>(statement, [...parameters])).rows,
      }),
    )
  return {
    db: drizzleOnPglite(pglite),
    kind,
    run,
    close: async () => {
      await pglite.close()
      lock?.release()
    },
  }
}

/** One orchestrator a database: whoever holds this lock, for as long as its connection lives. */
const orchestratorLock = 4_031_178

async function openServer(databaseUrl: string): Promise<Opened> {
  const sql = postgres(databaseUrl, { max: 4, connect_timeout: 10, onnotice: () => {} })
  try {
    const holder = await sql.reserve()
    const [row] = await holder`SELECT pg_try_advisory_lock(${orchestratorLock}) AS held`
    if (row?.held !== true) {
      throw new ComputePoolError('chain_ledger_locked', 'Another orchestrator is using the database of DATABASE_URL.', {
        remedy: 'Stop it, or give this one a database of its own.',
      })
    }
    const run: RunTransaction = work =>
      sql.begin(tx =>
        work({
          exec: async statements => {
            await tx.unsafe(statements)
          },
          query: async (statement, parameters = []) => [...(await tx.unsafe(statement, [...parameters] as never[]))],
        }),
      ) as Promise<never>
    return {
      db: drizzleOnServer(sql),
      kind: 'server',
      run,
      close: async () => {
        await holder`SELECT pg_advisory_unlock(${orchestratorLock})`.catch(() => {})
        holder.release()
        await sql.end({ timeout: 5 })
      },
    }
  } catch (cause) {
    await sql.end({ timeout: 1 })
    // The address may hold a password: it is not repeated.
    throw unreachable(
      'The database of DATABASE_URL cannot be used',
      cause,
      'Check that the server runs and that the address is right.',
    )
  }
}

function unreachable(what: string, cause: unknown, remedy: string): ComputePoolError {
  if (cause instanceof ComputePoolError) return cause
  return new ComputePoolError('chain_ledger_unreachable', `${what}: ${asComputePoolError(cause).message}`, {
    remedy,
    cause,
  })
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null
}
