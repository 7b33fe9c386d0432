/** The tables of stakes as Drizzle sees them; `migrations/040-stakes.sql` and `090-spent-stakes.sql` make them. They know no chain. */
import { bigint, boolean, integer, jsonb, numeric, pgTable, text } from 'drizzle-orm/pg-core'

const whole = (name: string) => bigint(name, { mode: 'number' })

const termsStates = ['offered', 'signed', 'proposed', 'active', 'over'] as const

export const stakeTermsTable = pgTable('stake_terms', {
  termsHash: text('terms_hash').primaryKey(),
  registry: text('registry').notNull(),
  vault: text('vault').notNull(),
  coalitionId: text('coalition_id'),
  version: integer('version').notNull(),
  state: text('state', { enum: termsStates }).notNull(),
  terms: jsonb('terms').notNull(),
  consents: jsonb('consents').notNull().default([]),
  unitsEpoch: integer('units_epoch'),
  attempts: integer('attempts').notNull().default(0),
  nextAtMs: whole('next_at_ms').notNull().default(0),
  lastError: text('last_error'),
  isClosed: boolean('is_closed').notNull().default(false),
  madeAtMs: whole('made_at_ms').notNull(),
})
export type StakeTermsRow = typeof stakeTermsTable.$inferSelect

export const stakeLeavesTable = pgTable('stake_leaves', {
  registry: text('registry').notNull(),
  coalitionId: text('coalition_id').notNull(),
  operator: text('operator').notNull(),
  version: integer('version').notNull(),
  signature: text('signature').notNull(),
  madeAtMs: whole('made_at_ms').notNull(),
})

export const stakeGiftsTable = pgTable('stake_gifts', {
  chainId: whole('chain_id').notNull(),
  operator: text('operator').notNull(),
  amountAtomic: numeric('amount_atomic', { mode: 'bigint', precision: 39, scale: 0 }).notNull(),
  hash: text('hash'),
  atMs: whole('at_ms').notNull(),
})

export const stakeGuiltyTable = pgTable('stake_guilty', {
  registry: text('registry').notNull(),
  operator: text('operator').notNull(),
  coalitionId: text('coalition_id').notNull(),
})

export const stakeSpendersTable = pgTable('stake_spenders', {
  registry: text('registry').notNull(),
  operator: text('operator').notNull(),
  times: integer('times').notNull(),
  untilMs: whole('until_ms').notNull(),
})
