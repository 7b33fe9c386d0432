/** A process of its own that writes to the ledger's database until somebody kills it; tells each number once it is safe. */
import { eq, sql } from 'drizzle-orm'
import { openDatabase } from '../src/store/database.ts'
import { ledgerFactsTable } from '../src/store/ledger-tables.ts'

const { db } = await openDatabase({ dataDir: process.argv[2]! })
const [last] = await db.select().from(ledgerFactsTable).where(eq(ledgerFactsTable.key, 'first'))
let number = typeof last?.value === 'number' ? last.value : 0
for (;;) {
  number += 1
  await db.transaction(async tx => {
    await tx
      .insert(ledgerFactsTable)
      .values({ key: 'first', value: number })
      .onConflictDoUpdate({ target: ledgerFactsTable.key, set: { value: number } })
    await tx.execute(sql`INSERT INTO ledger_facts (key, value) VALUES (${`n${number}`}, ${String(number)}::jsonb)`)
  })
  process.stdout.write(`${number}\n`)
}
