/**
 * The ledger's tables as Drizzle sees them; the SQL files beside are what makes them. Amounts are bigint, times are numbers
 * (`…Ms` milliseconds since 1970, else seconds). It knows no rules: those stand in the pure session machine.
 */
import { bigint, bigserial, integer, jsonb, numeric, pgTable, text } from 'drizzle-orm/pg-core'

const atomic = (name: string) => numeric(name, { mode: 'bigint', precision: 39, scale: 0 })
const wei = (name: string) => numeric(name, { mode: 'bigint', precision: 49, scale: 0 })
const whole = (name: string) => bigint(name, { mode: 'number' })

export const sessionStates = ['opening', 'open', 'streaming', 'closing', 'closed', 'refused'] as const
export const outboxKinds = ['open', 'set', 'close', 'units'] as const
export const outboxStatuses = ['waiting', 'claimed', 'submitted', 'done', 'superseded', 'failed'] as const

export const sessionsTable = pgTable('sessions', {
  id: text('id').primaryKey(),
  vault: text('vault').notNull(),
  payer: text('payer').notNull(),
  nonce: text('nonce').notNull(),
  origin: text('origin', { enum: ['session', 'request'] }).notNull(),
  state: text('state', { enum: sessionStates }).notNull(),
  capAtomic: atomic('cap_atomic').notNull(),
  pricePerSecondAtomic: atomic('price_per_second_atomic').notNull(),
  settledAtomic: atomic('settled_atomic').notNull().default(0n),
  runningRequests: integer('running_requests').notNull().default(0),
  epoch: integer('epoch').notNull().default(0),
  appliedEpoch: integer('applied_epoch').notNull().default(0),
  rateWei: wei('rate_wei').notNull().default(0n),
  leaseUntil: whole('lease_until'),
  expiresAt: whole('expires_at').notNull(),
  renewAtMs: whole('renew_at_ms'),
  voucher: jsonb('voucher'),
  validBefore: whole('valid_before').notNull(),
  refuseReason: text('refuse_reason'),
  closeReason: text('close_reason'),
  dueAtomic: atomic('due_atomic'),
  refundedAtomic: atomic('refunded_atomic'),
  createdAtMs: whole('created_at_ms').notNull(),
  updatedAtMs: whole('updated_at_ms').notNull(),
})
export type SessionRow = typeof sessionsTable.$inferSelect

export const requestsTable = pgTable('requests', {
  id: text('id').primaryKey(),
  sessionId: text('session_id').notNull(),
  startedAtMs: whole('started_at_ms').notNull(),
  meteredMs: whole('metered_ms').notNull().default(0),
  endedAtMs: whole('ended_at_ms'),
  costAtomic: atomic('cost_atomic').notNull().default(0n),
  tokens: integer('tokens').notNull().default(0),
  stoppedBy: text('stopped_by'),
})
export type RequestRow = typeof requestsTable.$inferSelect

export const sessionEventsTable = pgTable('session_events', {
  sessionId: text('session_id').notNull(),
  seq: integer('seq').notNull(),
  atMs: whole('at_ms').notNull(),
  type: text('type').notNull(),
  data: jsonb('data').notNull(),
})

export const outboxTable = pgTable('outbox', {
  id: bigserial('id', { mode: 'number' }).primaryKey(),
  kind: text('kind', { enum: outboxKinds }).notNull(),
  subject: text('subject').notNull(),
  sessionId: text('session_id'),
  epoch: integer('epoch').notNull(),
  idempotencyKey: text('idempotency_key').notNull(),
  status: text('status', { enum: outboxStatuses }).notNull(),
  payload: jsonb('payload').notNull(),
  sent: jsonb('sent'),
  attempts: integer('attempts').notNull().default(0),
  nextAtMs: whole('next_at_ms').notNull(),
  executionId: text('execution_id'),
  lastError: text('last_error'),
  createdAtMs: whole('created_at_ms').notNull(),
  doneAtMs: whole('done_at_ms'),
})
export type OutboxRow = typeof outboxTable.$inferSelect

export const moneyTransactionsTable = pgTable('money_transactions', {
  id: bigserial('id', { mode: 'number' }).primaryKey(),
  sessionId: text('session_id'),
  kind: text('kind', { enum: ['open', 'set', 'close', 'units', 'reap'] }).notNull(),
  hash: text('hash').notNull(),
  blockNumber: whole('block_number'),
  atMs: whole('at_ms'),
})

export const unitSetsTable = pgTable('unit_sets', {
  vault: text('vault').notNull(),
  epoch: integer('epoch').notNull(),
  members: jsonb('members').notNull(),
  atMs: whole('at_ms').notNull(),
})

export const findingsTable = pgTable('findings', {
  id: bigserial('id', { mode: 'number' }).primaryKey(),
  atMs: whole('at_ms').notNull(),
  status: text('status', { enum: ['ok', 'repaired', 'open'] }).notNull(),
  law: text('law', { enum: ['rates', 'vouchers', 'refunds', 'outbox', 'reserve', 'chain', 'units'] }).notNull(),
  message: text('message').notNull(),
  remedy: text('remedy').notNull(),
  sessionId: text('session_id'),
  /** Null in rows that are older than this column, where no session tells it. */
  vault: text('vault'),
  trouble: text('trouble').notNull(),
})

export const ledgerFactsTable = pgTable('ledger_facts', {
  key: text('key').primaryKey(),
  value: jsonb('value').notNull(),
})
