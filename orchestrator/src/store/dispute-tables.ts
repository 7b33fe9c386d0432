/** The table of disputes as Drizzle sees it; `050-disputes.sql` and the files after it are what make it. It knows no rules. */
import { breachReasons } from '@computepool/shared/coalition'
import type { DisputeVote } from '@computepool/shared/money'
import { bigint, bigserial, integer, jsonb, numeric, pgTable, text } from 'drizzle-orm/pg-core'

const atomic = (name: string) => numeric(name, { mode: 'bigint', precision: 39, scale: 0 })
const whole = (name: string) => bigint(name, { mode: 'number' })

/**
 * `recorded`: not on the chain, and not to be. `accusing`: on its way there. `open`: without a verdict. `decided`: with one.
 * `settled`: paid out as credits. `closed`: sent to whom they are due.
 */
const disputeSteps = ['recorded', 'accusing', 'open', 'decided', 'settled', 'closed'] as const
export type DisputeStep = (typeof disputeSteps)[number]

export interface DisputeTransaction {
  readonly what: string
  readonly hash: string
}

export const disputesTable = pgTable('disputes', {
  id: bigserial('id', { mode: 'number' }).primaryKey(),
  vault: text('vault').notNull(),
  accused: text('accused').notNull(),
  reason: text('reason', { enum: breachReasons }).notNull(),
  requestId: text('request_id').notNull(),
  sessionId: text('session_id'),
  evidenceSha256: text('evidence_sha256').notNull(),
  evidencePath: text('evidence_path').notNull(),
  state: text('state', { enum: disputeSteps }).notNull(),
  note: text('note'),
  coalitionId: text('coalition_id'),
  members: jsonb('members').$type<readonly string[]>().notNull().default([]),
  registry: text('registry'),
  fromBlock: whole('from_block'),
  dispute: text('dispute'),
  accuser: text('accuser'),
  bondAtomic: atomic('bond_atomic').notNull().default(0n),
  respondUntil: whole('respond_until'),
  voteUntil: whole('vote_until'),
  quorum: integer('quorum'),
  guiltyVotes: integer('guilty_votes').notNull().default(0),
  innocentVotes: integer('innocent_votes').notNull().default(0),
  votes: jsonb('votes').$type<readonly DisputeVote[]>().notNull().default([]),
  verdict: text('verdict', { enum: ['guilty', 'innocent', 'undecided'] }),
  run: jsonb('run'),
  due: jsonb('due'),
  slashedAtomic: atomic('slashed_atomic'),
  payerAtomic: atomic('payer_atomic'),
  accuserAtomic: atomic('accuser_atomic'),
  membersAtomic: atomic('members_atomic'),
  treasuryAtomic: atomic('treasury_atomic'),
  transactions: jsonb('transactions').$type<readonly DisputeTransaction[]>().notNull().default([]),
  attempts: integer('attempts').notNull().default(0),
  nextAtMs: whole('next_at_ms').notNull(),
  lastError: text('last_error'),
  createdAtMs: whole('created_at_ms').notNull(),
  updatedAtMs: whole('updated_at_ms').notNull(),
})
export type DisputeRow = typeof disputesTable.$inferSelect
