import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import { eq, sql } from 'drizzle-orm'
import { afterEach, describe, expect, it } from 'vitest'
import { openDatabase } from './database.ts'
import { lockFolder } from './folder-lock.ts'
import { ledgerFactsTable } from './ledger-tables.ts'
import { type Migration, readMigrations } from './migrate.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'computepool-ledger-'))
  cleanups.push(() => rm(folder, { recursive: true, force: true }))
  return folder
}

function writer(folder: string): { child: ChildProcess; lines: string[]; firstLine: Promise<unknown> } {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', join(import.meta.dirname, '../../testing/ledger-writer.ts'), folder],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const lines: string[] = []
  let rest = ''
  child.stdout!.on('data', bytes => {
    rest += String(bytes)
    const parts = rest.split('\n')
    rest = parts.pop()!
    lines.push(...parts)
  })
  let errors = ''
  child.stderr!.on('data', bytes => {
    errors += String(bytes)
  })
  const firstLine = new Promise((resolve, reject) => {
    child.stdout!.once('data', resolve)
    child.once('exit', () => reject(new Error(`the writer ended by itself: ${errors}`)))
  })
  cleanups.push(async () => kill(child))
  return { child, lines, firstLine }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

const extra = (name: string, statements: string): Migration => ({ name, statements, sha256: `digest of ${statements}` })

describe('openDatabase in a folder', () => {
  it('keeps what was written, and applies each migration once', async () => {
    const folder = await newFolder()
    const first = await openDatabase({ dataDir: folder })
    expect(first.applied[0]).toBe('001-ledger')
    await first.db.insert(ledgerFactsTable).values({ key: 'a', value: { deep: ['x'] } })
    await first.close()
    const second = await openDatabase({ dataDir: folder })
    cleanups.push(second.close)
    expect(second.applied).toEqual([])
    expect(await second.db.select().from(ledgerFactsTable)).toEqual([{ key: 'a', value: { deep: ['x'] } }])
  })

  it('refuses a second orchestrator while the first lives, not afterwards', async () => {
    const folder = await newFolder()
    const first = await lockFolder(folder)
    await expect(openDatabase({ dataDir: folder })).rejects.toMatchObject({
      code: 'chain_ledger_locked',
      context: { pid: process.pid },
    })
    first.release()
    ;(await lockFolder(folder)).release()
  })

  it('takes over a lock whose pid now belongs to another process, and one that makes no sense', async () => {
    const folder = await newFolder()
    const path = join(folder, 'orchestrator.lock')
    for (const text of [JSON.stringify({ pid: process.pid, startedTicks: '1' }), 'half a lo', '{"pid":-1}']) {
      await writeFile(path, text)
      const lock = await lockFolder(folder)
      expect(JSON.parse(await readFile(path, 'utf8')).pid).toBe(process.pid)
      lock.release()
    }
  })

  it('loses nothing it promised when its process is killed', async () => {
    const folder = await newFolder()
    for (let round = 0; round < 2; round++) {
      const { child, lines, firstLine } = writer(folder)
      await firstLine
      await expect(openDatabase({ dataDir: folder })).rejects.toMatchObject({ code: 'chain_ledger_locked' })
      await kill(child)
      const promised = Number(lines.at(-1))
      const after = await openDatabase({ dataDir: folder })
      const [last] = await after.db.select().from(ledgerFactsTable).where(eq(ledgerFactsTable.key, 'first'))
      const rows = await after.db.select().from(ledgerFactsTable)
      expect(Number(last!.value)).toBeGreaterThanOrEqual(promised)
      // One transaction wrote both: there are as many numbered rows as the last number says.
      expect(rows.length - 1).toBe(last!.value)
      await after.close()
    }
  })

  it('starts over when it was killed while the cluster was being made', async () => {
    const folder = await newFolder()
    await mkdir(join(folder, 'ledger.new'))
    await writeFile(join(folder, 'ledger.new', 'PG_VERSION'), '17')
    const opened = await openDatabase({ dataDir: folder })
    expect(opened.applied).toContain('001-ledger')
    await opened.close()
  })
})

describe('migrate', () => {
  it('refuses a newer database and a changed migration, and takes back a migration that fails half way', async () => {
    const folder = await newFolder()
    const ours = await readMigrations()
    const broken = extra('900-broken', 'CREATE TABLE half (id int); SELECT nonsense;')
    await expect(openDatabase({ dataDir: folder, migrations: [...ours, broken] })).rejects.toThrow(/nonsense/)
    const mended = extra('900-broken', 'CREATE TABLE half (id int);')
    const opened = await openDatabase({ dataDir: folder, migrations: [...ours, mended] })
    expect(opened.applied).toEqual(['900-broken'])
    await opened.close()
    await expect(openDatabase({ dataDir: folder })).rejects.toMatchObject({ code: 'chain_ledger_newer' })
    const changed = extra('900-broken', 'CREATE TABLE half (id bigint);')
    await expect(openDatabase({ dataDir: folder, migrations: [...ours, changed] })).rejects.toMatchObject({
      code: 'chain_ledger_changed',
    })
  })
})

describe('openDatabase on a server', () => {
  it('makes the same tables and reads the same values', async () => {
    const pglite = await PGlite.create()
    const server = new PGLiteSocketServer({ db: pglite, port: 0, host: '127.0.0.1', maxConnections: 8 })
    await server.start()
    cleanups.push(async () => {
      await server.stop()
      await pglite.close()
    })
    const [host, port] = server.getServerConn().split(':')
    const opened = await openDatabase({ databaseUrl: `postgres://postgres:postgres@${host}:${port}/postgres` })
    cleanups.push(opened.close)
    expect(opened.kind).toBe('server')
    await opened.db.insert(ledgerFactsTable).values({ key: 'a', value: { deep: ['x'] } })
    expect(await opened.db.select().from(ledgerFactsTable)).toEqual([{ key: 'a', value: { deep: ['x'] } }])
    await expect(opened.db.execute(sql`DELETE FROM nowhere`)).rejects.toThrow()
    expect(await opened.db.select().from(ledgerFactsTable)).toHaveLength(1)
  })

  it('says that there is no server without repeating its password', async () => {
    const refused = openDatabase({ databaseUrl: 'postgres://someone:hunter2@127.0.0.1:1/ledger' })
    await expect(refused).rejects.toMatchObject({ code: 'chain_ledger_unreachable' })
    await expect(refused).rejects.not.toThrow(/hunter2/)
  })
})
