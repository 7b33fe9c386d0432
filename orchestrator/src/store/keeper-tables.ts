/**
 * The embedded keeper's tables as Drizzle sees them; `020-keeper.sql` and `070-keeper-organisations.sql` are what make them. It knows no workflows: JSON is text here.
 */
import { bigint, bigserial, boolean, integer, pgTable, text } from 'drizzle-orm/pg-core'

const whole = (name: string) => bigint(name, { mode: 'number' })
const statuses = [
  'pending',
  'running',
  'unconfirmed',
  'success',
  'error',
  'system_error',
  'skipped',
  'cancelled',
] as const
const receiptStatuses = ['success', 'reverted', 'safe_inner_failure', 'not_found', 'timeout'] as const

export const keeperDefinitionsTable = pgTable('keeper_definitions', {
  digest: text('digest').primaryKey(),
  definition: text('definition').notNull(),
})

export const keeperWorkflowsTable = pgTable('keeper_workflows', {
  id: text('id').primaryKey(),
  organisation: text('organisation').notNull().default('pool'),
  name: text('name').notNull(),
  description: text('description').notNull(),
  digest: text('digest').notNull(),
  enabled: boolean('enabled').notNull(),
  createdAtMs: whole('created_at_ms').notNull(),
  updatedAtMs: whole('updated_at_ms').notNull(),
})

export const keeperRunsTable = pgTable('keeper_runs', {
  id: text('id').primaryKey(),
  organisation: text('organisation').notNull().default('pool'),
  workflowId: text('workflow_id').notNull(),
  digest: text('digest').notNull(),
  startedBy: text('started_by', { enum: ['manual', 'schedule'] }).notNull(),
  status: text('status', { enum: statuses }).notNull(),
  input: text('input').notNull(),
  output: text('output'),
  error: text('error'),
  isCancelling: boolean('is_cancelling').notNull().default(false),
  createdAtMs: whole('created_at_ms').notNull(),
  completedAtMs: whole('completed_at_ms'),
})
export type KeeperRunRow = typeof keeperRunsTable.$inferSelect

export const keeperKeysTable = pgTable('keeper_keys', {
  workflowId: text('workflow_id').notNull(),
  idempotencyKey: text('idempotency_key').notNull(),
  bodyDigest: text('body_digest').notNull(),
  runId: text('run_id').notNull(),
  createdAtMs: whole('created_at_ms').notNull(),
})

export const keeperStepsTable = pgTable('keeper_steps', {
  seq: bigserial('seq', { mode: 'number' }).primaryKey(),
  runId: text('run_id').notNull(),
  nodeId: text('node_id').notNull(),
  iteration: integer('iteration').notNull(),
  nodeName: text('node_name').notNull(),
  nodeType: text('node_type').notNull(),
  status: text('status', { enum: statuses }).notNull(),
  input: text('input'),
  output: text('output'),
  error: text('error'),
  startedAtMs: whole('started_at_ms').notNull(),
  completedAtMs: whole('completed_at_ms'),
})
export type KeeperStepRow = typeof keeperStepsTable.$inferSelect

export const keeperTransactionsTable = pgTable('keeper_transactions', {
  seq: bigserial('seq', { mode: 'number' }).primaryKey(),
  runId: text('run_id').notNull(),
  nodeId: text('node_id').notNull(),
  iteration: integer('iteration').notNull(),
  nodeName: text('node_name').notNull(),
  chainId: whole('chain_id').notNull(),
  hash: text('hash').notNull(),
  nonce: whole('nonce').notNull(),
  raw: text('raw').notNull(),
  receiptStatus: text('receipt_status', { enum: receiptStatuses }),
  blockNumber: whole('block_number'),
  gasUsed: text('gas_used'),
  createdAtMs: whole('created_at_ms').notNull(),
})
export type KeeperTransactionRow = typeof keeperTransactionsTable.$inferSelect

export const keeperCallbackTokensTable = pgTable('keeper_callback_tokens', {
  tokenHash: text('token_hash').primaryKey(),
  outboxId: text('outbox_id').notNull(),
  transition: text('transition').notNull(),
  expiresAtMs: whole('expires_at_ms').notNull(),
  usedAtMs: whole('used_at_ms'),
})
