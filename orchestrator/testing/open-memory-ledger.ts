/**
 * The ledger's database in memory for one test file, with every migration applied. Making a cluster costs seconds of a core, so it
 * is made once, dumped beside npm's packages without what no test needs, and loaded; another migration, another PGlite or another way
 * of making it makes another dump.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { type OpenDatabase, openDatabase } from '../src/store/database.ts'
import { type Migration, migrate, readMigrations } from '../src/store/migrate.ts'

const cache = join(import.meta.dirname, '../../node_modules/.cache/computepool')
const require = createRequire(import.meta.url)

/** A load writes each file anew, and each start clears all buffers: two databases to copy from and 128 MB were half of that work. */
const leaner = [
  'UPDATE pg_database SET datistemplate = false',
  'DROP DATABASE template0',
  'DROP DATABASE template1',
  "ALTER SYSTEM SET shared_buffers = '4MB'",
]

export async function openMemoryLedger(): Promise<OpenDatabase> {
  const migrations = await readMigrations()
  const build = await readFile(require.resolve('@electric-sql/pglite'))
  const digest = createHash('sha256').update(build).update(leaner.join())
  for (const { name, sha256 } of migrations) digest.update(`\0${name}\0${sha256}`)
  const file = join(cache, `ledger-${digest.digest('hex').slice(0, 16)}.tar`)
  const dump = await readFile(file).catch(() => null)
  const from = dump === null ? await makeDump(file, migrations) : new Blob([dump])
  return openDatabase({ memory: true, from, migrations })
}

async function makeDump(file: string, migrations: readonly Migration[]): Promise<Blob> {
  const pglite = await PGlite.create()
  await migrate(
    work =>
      pglite.transaction(tx =>
        work({
          exec: async statements => {
            await tx.exec(statements)
          },
          query: async (statement, parameters = []) =>
            (await tx.query<Record<string, unknown>>(statement, [...parameters])).rows,
        }),
      ),
    migrations,
  )
  for (const statement of leaner) await pglite.exec(statement)
  await pglite.exec('CHECKPOINT')
  const dump = await pglite.dumpDataDir('none')
  await pglite.close()
  await mkdir(cache, { recursive: true })
  // Readers in other workers see the whole file or none; two that make it at once make the same.
  const draft = `${file}.${process.pid}`
  await writeFile(draft, Buffer.from(await dump.arrayBuffer()))
  await rename(draft, file)
  return dump
}
