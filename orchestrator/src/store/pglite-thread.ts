/**
 * PGlite in a thread of its own: its WebAssembly holds a thread for milliseconds at every statement, and tokens would wait for that.
 * It offers the part of PGlite that Drizzle uses; statements keep the order in which they were asked for. It knows no tables.
 */
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import type { PGlite, QueryOptions, Results } from '@electric-sql/pglite'

export interface PgliteThread {
  query<Row>(statement: string, parameters?: unknown[], options?: QueryOptions): Promise<Results<Row>>
  exec(statements: string): Promise<unknown>
  /** As PGlite's own: committed when `work` resolves, rolled back when it rejects; nobody else's statement comes between. */
  transaction<T>(work: (tx: Pick<PgliteThread, 'query' | 'exec'>) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/**
 * Plain JavaScript: a thread knows no TypeScript. Durability is not relaxed: a query's promise resolves after its bytes were handed to
 * the system, so that kill -9 loses nothing promised. A failure travels with its fields (code, detail, constraint).
 */
const script = `
const { parentPort, workerData } = require('node:worker_threads')
const { PGlite } = require(workerData.pglite)
const opening = PGlite.create(workerData.folder, { relaxedDurability: false })
const act = {
  open: () => null,
  query: (db, { statement, parameters, rowMode, raw }) =>
    db.query(statement, parameters, { rowMode, parsers: Object.fromEntries(raw.map(type => [type, value => value])) }),
  exec: async (db, { statement }) => void (await db.exec(statement)),
  close: db => db.close(),
}
let line = opening.then(() => {}, () => {})
parentPort.on('message', ({ id, kind, ...order }) => {
  line = line.then(async () => {
    try {
      parentPort.postMessage({ id, result: await act[kind](await opening, order) })
    } catch (thrown) {
      const fields = Object.entries(thrown).filter(([, value]) => typeof value === 'string')
      parentPort.postMessage({ id, failure: { ...Object.fromEntries(fields), message: String(thrown.message ?? thrown) } })
    }
  })
})`

type Order =
  | { readonly kind: 'open' | 'close' }
  | { readonly kind: 'exec'; readonly statement: string }
  | {
      readonly kind: 'query'
      readonly statement: string
      readonly parameters: readonly unknown[]
      readonly rowMode: QueryOptions['rowMode']
      /** Types whose text is wanted as it is. */
      readonly raw: readonly string[]
    }

interface Reply {
  readonly id: number
  readonly result?: unknown
  readonly failure?: { readonly message: string }
}

/** Opens the cluster in `folder`, or makes it. Errors: PGlite's own, by message and fields. */
export async function openPgliteThread(folder: string): Promise<PgliteThread> {
  const pglite = createRequire(import.meta.url).resolve('@electric-sql/pglite')
  const worker = new Worker(script, { eval: true, execArgv: [], workerData: { pglite, folder } })
  const waiting = new Map<number, { resolve(value: unknown): void; reject(cause: Error): void }>()
  let count = 0
  let ended: Error | null = null
  const end = (cause: Error): void => {
    ended ??= cause
    for (const { reject } of waiting.values()) reject(ended)
    waiting.clear()
  }
  worker.on('message', ({ id, result, failure }: Reply) => {
    const asked = waiting.get(id)
    waiting.delete(id)
    if (failure === undefined) asked?.resolve(result)
    else asked?.reject(Object.assign(new Error(failure.message), failure))
  })
  worker.on('error', end)
  worker.on('exit', code => end(new Error(`The ledger’s thread ended with ${code}.`)))
  const ask = <T>(order: Order): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      if (ended !== null) return reject(ended)
      const id = count++
      waiting.set(id, { resolve: resolve as (value: unknown) => void, reject })
      worker.postMessage({ ...order, id })
    })
  const exec: PgliteThread['exec'] = statement => ask({ kind: 'exec', statement })
  const query = <Row>(statement: string, parameters: unknown[] = [], options: QueryOptions = {}) =>
    // Drizzle's parsers all leave the text as it is; functions do not travel to threads.
    ask<Results<Row>>({
      kind: 'query',
      statement,
      parameters,
      rowMode: options.rowMode,
      raw: Object.keys(options.parsers ?? {}),
    })

  let line: Promise<unknown> = Promise.resolve()
  const inLine = <T>(work: () => Promise<T>): Promise<T> => {
    const run = line.then(work)
    line = run.catch(() => {})
    return run
  }
  try {
    await ask({ kind: 'open' })
  } catch (cause) {
    await worker.terminate()
    throw cause
  }
  return {
    query: (statement, parameters, options) => inLine(() => query(statement, parameters, options)),
    exec: statements => inLine(() => exec(statements)),
    transaction: work =>
      inLine(async () => {
        await exec('BEGIN')
        try {
          const result = await work({ query, exec })
          await exec('COMMIT')
          return result
        } catch (cause) {
          await exec('ROLLBACK').catch(() => {})
          throw cause
        }
      }),
    close: async () => {
      await inLine(() => ask({ kind: 'close' }))
      await worker.terminate()
    },
  }
}

/** What Drizzle is given: it calls nothing else of a PGlite. */
export const asPglite = (thread: PgliteThread): PGlite => thread as unknown as PGlite
