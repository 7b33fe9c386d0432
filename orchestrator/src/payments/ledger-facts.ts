/** Small facts that outlive the process, by name: what was last looked at. They hold no money. */
import { eq } from 'drizzle-orm'
import type { Database } from '../store/database.ts'
import { ledgerFactsTable } from '../store/ledger-tables.ts'

/** The key of what is known of one vault, and not of another in the same database. */
export const vaultFact = (name: 'last-check' | 'scanned-block', vault: string): string =>
  `${name} ${vault.toLowerCase()}`

export async function getFact<T>(db: Database, key: string): Promise<T | null> {
  const [row] = await db.select().from(ledgerFactsTable).where(eq(ledgerFactsTable.key, key))
  return (row?.value as T | undefined) ?? null
}

export async function putFact(db: Database, key: string, value: unknown): Promise<void> {
  await db
    .insert(ledgerFactsTable)
    .values({ key, value })
    .onConflictDoUpdate({ target: ledgerFactsTable.key, set: { value } })
}
