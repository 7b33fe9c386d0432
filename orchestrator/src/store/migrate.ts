/**
 * Brings a database to this version: hand-written SQL files `NNN-name.sql`, in order, each in its own transaction, recorded with
 * its digest. It knows nothing of what the tables mean.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ComputePoolError } from '@computepool/shared/errors'

/** One SQL transaction of either driver. */
export interface RawTransaction {
  /** Several statements, no parameters. */
  exec(statements: string): Promise<void>
  query(statement: string, parameters?: readonly unknown[]): Promise<Record<string, unknown>[]>
}

export type RunTransaction = <T>(run: (tx: RawTransaction) => Promise<T>) => Promise<T>

export interface Migration {
  /** `001-ledger`. */
  readonly name: string
  readonly statements: string
  readonly sha256: string
}

export const migrationsFolder = join(import.meta.dirname, 'migrations')

/** Any number of our own: every orchestrator that starts on one database waits for the same one. */
const lockNumber = 4_031_177

export async function readMigrations(folder: string = migrationsFolder): Promise<Migration[]> {
  const names = (await readdir(folder)).filter(name => /^\d{3}-[a-z0-9-]+\.sql$/.test(name)).sort()
  return Promise.all(
    names.map(async file => {
      const statements = await readFile(join(folder, file), 'utf8')
      return { name: file.slice(0, -4), statements, sha256: createHash('sha256').update(statements).digest('hex') }
    }),
  )
}

/** Applies what is missing; returns the names applied. Errors: `chain_ledger_newer`, `chain_ledger_changed`. */
export async function migrate(run: RunTransaction, migrations: readonly Migration[]): Promise<string[]> {
  await run(async tx => {
    await tx.query(`SELECT pg_advisory_xact_lock(${lockNumber})`)
    await tx.exec(
      'CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())',
    )
    checkRecorded(await tx.query('SELECT name, sha256 FROM schema_migrations ORDER BY name'), migrations)
  })
  const applied: string[] = []
  for (const migration of migrations) {
    const isNew = await run(async tx => {
      await tx.query(`SELECT pg_advisory_xact_lock(${lockNumber})`)
      const recorded = await tx.query('SELECT name, sha256 FROM schema_migrations WHERE name = $1', [migration.name])
      if (recorded.length > 0) return false
      await tx.exec(migration.statements)
      await tx.query('INSERT INTO schema_migrations (name, sha256) VALUES ($1, $2)', [migration.name, migration.sha256])
      return true
    })
    if (isNew) applied.push(migration.name)
  }
  return applied
}

function checkRecorded(recorded: readonly Record<string, unknown>[], migrations: readonly Migration[]): void {
  const known = new Map(migrations.map(({ name, sha256 }) => [name, sha256]))
  for (const { name, sha256 } of recorded) {
    const expected = known.get(String(name))
    if (expected === undefined) {
      throw new ComputePoolError(
        'chain_ledger_newer',
        `The ledger's database was changed by a newer ComputePool (migration ${String(name)}).`,
        { remedy: 'Run that version, or start with an empty database.', context: { migration: String(name) } },
      )
    }
    if (expected !== sha256) {
      throw new ComputePoolError(
        'chain_ledger_changed',
        `Migration ${String(name)} is not the one that made this database (recorded ${String(sha256).slice(0, 12)}, here ${expected.slice(0, 12)}).`,
        {
          remedy: 'Run the version that made it, or start with an empty database.',
          context: { migration: String(name) },
        },
      )
    }
  }
}
