/** What the orchestrator's owner sees of money: sessions, workflow runs with their logs, and what the reconciler found. */
import { z } from 'zod'
import { sessionViewSchema } from './money-views.ts'

const atMs = z.number().int().nonnegative()

export const runStatusSchema = z.enum([
  'pending',
  'running',
  'unconfirmed',
  'success',
  'error',
  'system_error',
  'cancelled',
])

export const workflowRunSchema = z.object({
  executionId: z.string(),
  workflow: z.string(),
  status: runStatusSchema,
  /** Whose change it is; null for scheduled runs. */
  sessionId: z.string().nullable(),
  startedAtMs: atMs,
  completedAtMs: atMs.nullable(),
  transactionHashes: z.array(z.string()),
  error: z.string().nullable(),
})
export type WorkflowRun = z.infer<typeof workflowRunSchema>

export const runLogSchema = z.object({
  nodeId: z.string(),
  nodeName: z.string(),
  nodeType: z.string(),
  status: z.string(),
  input: z.unknown(),
  output: z.unknown(),
  error: z.string().nullable(),
  startedAtMs: atMs,
  durationMs: z.number().nonnegative().nullable(),
})
export type RunLog = z.infer<typeof runLogSchema>

export const findingSchema = z.object({
  id: z.number().int(),
  atMs,
  /** `repaired`: was wrong and is right again; `open`: needs the owner. */
  status: z.enum(['ok', 'repaired', 'open']),
  /** Which law was looked at. */
  check: z.enum(['rates', 'vouchers', 'refunds', 'outbox', 'reserve', 'chain', 'units']),
  message: z.string(),
  remedy: z.string(),
  sessionId: z.string().nullable(),
})
export type Finding = z.infer<typeof findingSchema>

/** `GET /api/activity/sessions`, `/runs`, `/runs/:id`, `/findings`; newest first, at most 200. */
export const activitySessionsSchema = z.object({ sessions: z.array(sessionViewSchema) })
export const activityRunsSchema = z.object({ runs: z.array(workflowRunSchema) })
export const activityRunSchema = z.object({ run: workflowRunSchema, logs: z.array(runLogSchema) })
export const activityFindingsSchema = z.object({ lastCheckAtMs: atMs.nullable(), findings: z.array(findingSchema) })
