/** The signer's table as Drizzle sees it; `migrations/002-signer.sql` makes it. */
import { bigint, pgTable, text } from 'drizzle-orm/pg-core'

const whole = (name: string) => bigint(name, { mode: 'number' })

export const signerTransactionsTable = pgTable('signer_transactions', {
  hash: text('hash').primaryKey(),
  chainId: whole('chain_id').notNull(),
  address: text('address').notNull(),
  nonce: whole('nonce').notNull(),
  raw: text('raw').notNull(),
  recipient: text('recipient').notNull(),
  status: text('status', { enum: ['signed', 'mined', 'gone'] }).notNull(),
  createdAtMs: whole('created_at_ms').notNull(),
})
export type SignerTransactionRow = typeof signerTransactionsTable.$inferSelect
