/** Signed transactions as the database keeps them. It knows no chain; whether one is mined is told to it. */
import { and, eq, type SQL } from 'drizzle-orm'
import type { Hex } from 'viem'
import type { Database } from '../store/database.ts'
import { type SignerTransactionRow, signerTransactionsTable } from '../store/signer-tables.ts'

export interface StoredTransaction extends Omit<SignerTransactionRow, 'status' | 'hash' | 'raw'> {
  readonly hash: Hex
  readonly raw: Hex
}

export interface SignerStore {
  /** Idempotent. */
  add(transaction: StoredTransaction): Promise<void>
  remove(hash: Hex): Promise<void>
  settle(hash: Hex, status: 'mined' | 'gone'): Promise<void>
  /** By nonce, then by age. */
  unmined(chainId: number, address: string): Promise<StoredTransaction[]>
  /** All that were signed with this nonce, mined or not, by age. */
  versions(chainId: number, address: string, nonce: number): Promise<StoredTransaction[]>
}

export function createSignerStore(db: Database): SignerStore {
  const table = signerTransactionsTable
  const read = async (chainId: number, address: string, which: SQL): Promise<StoredTransaction[]> => {
    const rows = await db
      .select()
      .from(table)
      .where(and(eq(table.chainId, chainId), eq(table.address, address.toLowerCase()), which))
      .orderBy(table.nonce, table.createdAtMs)
    return rows.map(({ status: _status, ...row }) => ({ ...row, hash: row.hash as Hex, raw: row.raw as Hex }))
  }
  return {
    add: async transaction => {
      const row = { ...transaction, address: transaction.address.toLowerCase(), status: 'signed' as const }
      await db.insert(table).values(row).onConflictDoNothing()
    },
    remove: async hash => {
      await db.delete(table).where(eq(table.hash, hash))
    },
    settle: async (hash, status) => {
      await db.update(table).set({ status }).where(eq(table.hash, hash))
    },
    unmined: async (chainId, address) => read(chainId, address, eq(table.status, 'signed')),
    versions: async (chainId, address, nonce) => read(chainId, address, eq(table.nonce, nonce)),
  }
}
