/** A chain and a ledger for the tests of a file, and a pool of its own for each test. It registers vitest's hooks. */
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import type { OpenDatabase } from '../src/store/database.ts'
import { openMemoryLedger } from './open-memory-ledger.ts'
import { openPaidPool, type PaidPool } from './paid-pool.ts'
import { openTestVault, type TestVault } from './test-vault.ts'

/** `take` is given chain and pool before each test. */
export function usePaidPool(take: (chain: TestVault, pool: PaidPool) => void): void {
  let chain: TestVault
  let database: OpenDatabase
  let pool: PaidPool
  beforeAll(async () => {
    chain = await openTestVault()
    database = await openMemoryLedger()
  }, 120_000)
  afterAll(async () => {
    await database.close()
    await chain.close()
  })
  beforeEach(() => {
    pool = openPaidPool(chain, database.db)
    take(chain, pool)
  })
  afterEach(() => pool.close())
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** A chat request of one word, with `extra` in its body. */
export const chatWith = (pool: PaidPool, headers: Record<string, string>, extra: object = {}) =>
  pool.post(
    '/v1/chat/completions',
    { model: pool.model, messages: [{ role: 'user', content: 'Hi' }], ...extra },
    headers,
  )
