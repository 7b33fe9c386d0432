/**
 * The keeper over KeeperHub's REST: the same client for their service and for the embedded runner's routes. Runs are named by short
 * names; `install` finds or imports the workflows behind them. Callbacks play no part: truth is what the status says, and the chain.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import {
  type Clock,
  finalKeeperStatuses,
  isFinalKeeperStatus,
  type KeeperLog,
  type KeeperPort,
  type KeeperRun,
  type KeeperStatus,
  type KeeperTransaction,
} from '@computepool/shared/ports'
import { z } from 'zod'
import { pause } from './actions.ts'
import { createRequester } from './keeperhub-request.ts'
import type { PreparedWorkflow } from './prepare-workflows.ts'
import { readGraph } from './workflow-graph.ts'
import { unknownWorkflow } from './workflow-store.ts'

export interface KeeperHubClientOptions {
  /** With `/api`: `https://app.keeperhub.com/api`, or `<orchestrator>/api/keeper`. */
  readonly baseUrl: string
  readonly apiKey: string
  readonly fetch: typeof globalThis.fetch
  readonly clock: Clock
  readonly deadlineMs?: number
}

export interface KeeperHubClient extends KeeperPort {
  /** Imports what is missing, updates what is old, and lets `execute` find it by its short name. Repeatable. */
  install(workflows: readonly PreparedWorkflow[], signal?: AbortSignal): Promise<void>
}

const keeperStatuses = ['pending', 'running', 'unconfirmed', ...finalKeeperStatuses] as const
const statusSchema = z.enum(keeperStatuses as unknown as [KeeperStatus, ...KeeperStatus[]])
const transactionSchema = z.object({
  hash: z.string(),
  nodeId: z.string().default(''),
  nodeName: z.string().default(''),
  chainId: z.number().nullish(),
  iterationIndex: z.number().nullish(),
  receiptStatus: z.enum(['success', 'reverted', 'safe_inner_failure', 'not_found', 'timeout']).nullish(),
  blockNumber: z.coerce.number().nullish(),
  gasUsed: z.coerce.string().nullish(),
})
const transactionsSchema = z.array(transactionSchema).nullish()
const workflowSchema = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().nullish(),
  enabled: z.boolean().nullish(),
})
const executedSchema = z.object({ executionId: z.string(), status: statusSchema })
const runSchema = z.object({
  status: statusSchema,
  transactionHashes: transactionsSchema,
  errorContext: z.object({ error: z.string().nullish() }).nullish(),
})
const waitedSchema = z.object({
  status: statusSchema,
  transactionHashes: transactionsSchema,
  error: z.string().nullish(),
})
const dateSchema = z.string().transform(text => Date.parse(text))
const logsSchema = z.object({
  logs: z.array(
    z.object({
      nodeId: z.string(),
      nodeName: z.string().nullish(),
      nodeType: z.string().nullish(),
      status: statusSchema,
      input: z.unknown(),
      output: z.unknown(),
      error: z.string().nullish(),
      duration: z.coerce.number().nullish(),
      startedAt: dateSchema,
      completedAt: dateSchema.nullish(),
      iterationIndex: z.number().nullish(),
    }),
  ),
})

const serverWaitMs = 25_000
/** A service that answers sooner, and has nothing to tell, does not wait. */
const leastWaitMs = 1_000
const defaultPollMs = 2_000

export function createKeeperHubClient(options: KeeperHubClientOptions): KeeperHubClient {
  const { clock } = options
  const request = createRequester(options)
  const ids = new Map<string, string>()
  const at = (executionId: string, what: string): string =>
    `/workflows/executions/${encodeURIComponent(executionId)}/${what}`

  const look = async (executionId: string, signal?: AbortSignal): Promise<{ run: KeeperRun; pollMs: number }> => {
    const path = at(executionId, 'status')
    const { value, pollSeconds } = await request({ method: 'GET', path, isRepeatable: true, schema: runSchema, signal })
    const transactions = transactionsOf(value.transactionHashes)
    const run = { executionId, status: value.status, transactions, error: value.errorContext?.error ?? null }
    return { run, pollMs: pollSeconds === null || pollSeconds <= 0 ? defaultPollMs : pollSeconds * 1000 }
  }
  const list = async (signal?: AbortSignal) =>
    (await request({ method: 'GET', path: '/workflows', isRepeatable: true, schema: z.array(workflowSchema), signal }))
      .value
  const importOne = async ({ definition }: PreparedWorkflow, signal?: AbortSignal): Promise<string> => {
    try {
      const body = { method: 'POST' as const, path: '/workflows/import', body: definition }
      return (await request({ ...body, isRepeatable: false, schema: workflowSchema, signal })).value.id
    } catch (thrown) {
      // The import may have been heard and only its answer lost: a second one would be a copy.
      const arrived = (await list(signal)).find(({ name }) => name === definition.workflow.name)
      if (arrived) return arrived.id
      throw thrown
    }
  }

  return {
    async install(workflows, signal) {
      const there = new Map((await list(signal)).map(workflow => [workflow.name, workflow]))
      for (const workflow of workflows) {
        const { name, description } = workflow.definition.workflow
        const known = there.get(name)
        const id = known?.id ?? (await importOne(workflow, signal))
        const { nodes, edges } = workflow.definition
        const isScheduled = readGraph(workflow.definition).schedule !== null
        const isOld = known !== undefined && known.description !== description
        // An imported workflow is not enabled; only a schedule needs to be. An earlier start may have been cut before it was.
        const isAsleep = isScheduled && known?.enabled !== true
        const change = isOld ? { description, nodes, edges, enabled: true } : { enabled: true }
        if (isOld || isAsleep) {
          const path = `/workflows/${encodeURIComponent(id)}`
          await request({ method: 'PATCH', path, body: change, isRepeatable: true, schema: z.unknown(), signal })
        }
        ids.set(workflow.key, id)
      }
    },
    async execute(name, input, { idempotencyKey, signal }) {
      const id = ids.get(name) ?? (await list(signal)).find(workflow => workflow.name === name)?.id
      if (id === undefined) throw unknownWorkflow(name)
      const path = `/workflows/${encodeURIComponent(id)}/execute`
      // A header's words: ours may have spaces, which a service need not take.
      const key = idempotencyKey.trim().replaceAll(/\s+/g, ':')
      const call = { method: 'POST' as const, path, body: { input }, idempotencyKey: key, isRepeatable: true }
      return (await request({ ...call, schema: executedSchema, signal })).value
    },
    status: async (executionId, signal) => (await look(executionId, signal)).run,
    async wait(executionId, timeoutMs, signal) {
      const untilMs = clock.monotonicMs() + timeoutMs
      let isWaitServed = true
      for (;;) {
        const leftMs = Math.max(0, untilMs - clock.monotonicMs())
        const waitMs = Math.floor(Math.min(leftMs, serverWaitMs))
        const askedMs = clock.monotonicMs()
        if (isWaitServed && waitMs > 0) {
          const path = `${at(executionId, 'wait')}?timeoutMs=${waitMs}`
          try {
            const call = { method: 'GET' as const, path, isRepeatable: true, waitsMs: waitMs }
            const { status } = (await request({ ...call, schema: waitedSchema, signal })).value
            // While a transaction is unconfirmed the server may answer at once: polling follows its hint instead.
            isWaitServed = status !== 'unconfirmed'
          } catch (thrown) {
            if (!(thrown instanceof ComputePoolError) || thrown.code !== 'input_not_found') throw thrown
            isWaitServed = false
          }
        }
        const { run, pollMs } = await look(executionId, signal)
        const restMs = untilMs - clock.monotonicMs()
        if (isFinalKeeperStatus(run.status) || restMs <= 0) return run
        const isEarly = clock.monotonicMs() - askedMs < Math.min(waitMs, leastWaitMs)
        if (!isWaitServed || isEarly)
          await pause(Math.min(pollMs, restMs), clock, signal ?? new AbortController().signal)
      }
    },
    async logs(executionId, signal) {
      const call = { method: 'GET' as const, path: at(executionId, 'logs'), isRepeatable: true }
      const { logs } = (await request({ ...call, schema: logsSchema, signal })).value
      return logs.map(
        (log): KeeperLog => ({
          nodeId: log.nodeId,
          nodeName: log.nodeName ?? '',
          nodeType: log.nodeType ?? '',
          status: log.status,
          input: log.input ?? null,
          output: log.output ?? null,
          error: log.error ?? null,
          durationMs: log.duration ?? null,
          startedAtMs: log.startedAt,
          completedAtMs: log.completedAt ?? null,
          iterationIndex: log.iterationIndex ?? null,
        }),
      )
    },
    async cancel(executionId, signal) {
      const path = `/executions/${encodeURIComponent(executionId)}/cancel`
      await request({ method: 'POST', path, isRepeatable: true, schema: z.unknown(), signal })
      return (await look(executionId, signal)).run
    },
  }
}

const transactionsOf = (list: z.infer<typeof transactionsSchema>): KeeperTransaction[] =>
  (list ?? []).map(transaction => ({
    hash: transaction.hash,
    nodeId: transaction.nodeId,
    nodeName: transaction.nodeName,
    chainId: transaction.chainId ?? null,
    iterationIndex: transaction.iterationIndex ?? null,
    receiptStatus: transaction.receiptStatus ?? null,
    blockNumber: transaction.blockNumber ?? null,
    gasUsed: transaction.gasUsed ?? null,
  }))
