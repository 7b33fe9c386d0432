/**
 * The keeper at home: runs KeeperHub's workflow files itself, with viem, and keeps its books in the ledger's database. A run that a
 * kill cut goes on at the next start. It knows workflows, not what they are about; what a run did is read from the chain by others.
 */
import { ComputePoolError } from '@computepool/shared/errors'
import {
  type Clock,
  type Entropy,
  isFinalKeeperStatus,
  type KeeperInput,
  type KeeperPort,
  type KeeperStatus,
} from '@computepool/shared/ports'
import type { PublicClient } from 'viem'
import type { Database } from '../store/database.ts'
import type { KeeperRunRow, KeeperStepRow, KeeperTransactionRow } from '../store/keeper-tables.ts'
import { httpRequestAction, queryEventsAction, readContractAction } from './actions.ts'
import type { PreparedWorkflow } from './prepare-workflows.ts'
import { createRunPool, type RunPool, type StepOrder } from './run-pool.ts'
import { createRunScheduler } from './run-scheduler.ts'
import { type Begun, createRunStore, type RunStore } from './run-store.ts'
import { logView, runView } from './run-view.ts'
import { atNode, faulting } from './step-fault.ts'
import type { TransactionSender } from './transaction-sender.ts'
import { actionTypeOf } from './workflow-graph.ts'
import { createWorkflowStore, type StoredWorkflow, unknownWorkflow, type WorkflowStore } from './workflow-store.ts'
import { writeContractAction } from './write-contract.ts'

export type KeeperNotice =
  /** In this process no callback is needed: this is the hint. */
  | {
      readonly type: 'run-ended'
      readonly executionId: string
      readonly workflow: string
      readonly status: KeeperStatus
    }
  /** A run could not go on for reasons that are not its own; it is taken up again, later and later, and at the next start. */
  | { readonly type: 'fault'; readonly executionId: string; readonly error: unknown }

export interface EmbeddedKeeperOptions {
  readonly db: Database
  /** Whose workflows and runs these are; several keepers share a database, each with its own. Default: the pool's. */
  readonly organisation?: string
  readonly sender: TransactionSender
  readonly publicClient: PublicClient
  readonly clock: Clock
  readonly entropy: Entropy
  /** Installed or brought up to date at `start`. */
  readonly workflows?: readonly PreparedWorkflow[]
  readonly onNotice?: (notice: KeeperNotice) => void
  readonly fetch?: typeof globalThis.fetch
  /** Default: https anywhere. */
  readonly isAllowed?: (url: URL) => boolean
  /** Default 32; the others wait their turn as `pending`. */
  readonly mostRunsAtOnce?: number
  /** How often a receipt is asked for. Default 250. */
  readonly pollMs?: number
  /** For tests that kill. */
  readonly store?: RunStore
}

/** What the REST routes tell beyond the port. */
export interface RunDetail {
  readonly run: KeeperRunRow
  readonly steps: readonly KeeperStepRow[]
  readonly transactions: readonly KeeperTransactionRow[]
  /** Its short name where it is one of ours, else its full one. */
  readonly workflow: string
  readonly totalSteps: number
}

export interface EmbeddedKeeper extends KeeperPort {
  /** Installs the workflows, takes up what was cut, and follows schedules. Once. */
  start(): Promise<void>
  readonly workflows: Pick<WorkflowStore, 'find' | 'list'>
  /** A new workflow, or the new version of the one of that name. Errors: `input_invalid`, `input_too_large`. */
  importWorkflow(definition: unknown): Promise<StoredWorkflow>
  /** Errors: `input_not_found`, `input_invalid`. */
  updateWorkflow(id: string, patch: unknown): Promise<StoredWorkflow>
  executeById(id: string, input: KeeperInput, idempotencyKey: string | null): Promise<Begun>
  /** The newest first; of all workflows where the id is null. */
  runs(workflowId: string | null, limit: number): Promise<readonly RunDetail[]>
  /** Errors: `input_not_found`. */
  detail(executionId: string): Promise<RunDetail>
  /** Leaves runs as they are for the next start. Idempotent. */
  close(): Promise<void>
}

const mostInputBytes = 128 * 1024
const pruneEveryMs = 3_600_000

export function createEmbeddedKeeper(options: EmbeddedKeeperOptions): EmbeddedKeeper {
  const { db, sender, publicClient, clock, entropy, onNotice = () => {}, mostRunsAtOnce = 32, pollMs = 250 } = options
  const store = options.store ?? createRunStore(db, options.organisation)
  const workflows = createWorkflowStore(db, store, clock, entropy, options.organisation)
  const names = new Map((options.workflows ?? []).map(({ key, definition }) => [key, definition.workflow.name]))
  let chainId: Promise<number> | null = null
  let cancelPrune = (): void => {}

  const shortName = (name: string): string => [...names].find(([, full]) => full === name)?.[0] ?? name
  const readChainId = (): Promise<number> => {
    chainId ??= publicClient.getChainId().catch(thrown => {
      chainId = null
      throw thrown
    })
    return chainId
  }
  const find = async (id: string): Promise<KeeperRunRow> => {
    const run = await store.run(id)
    if (!run) {
      throw new ComputePoolError('input_not_found', `The keeper knows no execution "${id.slice(0, 80)}".`, {
        remedy: 'Check the id.',
      })
    }
    return run
  }

  const perform = async ({ run, node, config, step, signal, closing }: StepOrder): Promise<unknown> => {
    const actionType = actionTypeOf(node)
    if (actionType === 'HTTP Request') {
      const { fetch = globalThis.fetch, isAllowed = url => url.protocol === 'https:' } = options
      return httpRequestAction(config, { fetch, clock, signal, isAllowed })
    }
    const here = await atNode(readChainId)
    if (String(config.network) !== String(here)) {
      throw new Error(`The step is for chain ${config.network}; this runner is on ${here}.`)
    }
    if (actionType === 'web3/read-contract') return readContractAction(config, publicClient)
    if (actionType === 'web3/query-events') return queryEventsAction(config, publicClient)
    return writeContractAction(config, step, {
      store: books,
      sender,
      chainId: here,
      clock,
      signal: closing,
      pollMs,
      onSent: () => runs.change(run.id, 'unconfirmed'),
      onConfirmed: () => runs.change(run.id, 'running'),
    })
  }
  const pool: RunPool = createRunPool({
    store,
    workflows,
    clock,
    mostRunsAtOnce,
    perform,
    onEnd: ({ id }, name, status) =>
      onNotice({ type: 'run-ended', executionId: id, workflow: shortName(name), status }),
    onFault: ({ id }, error) => onNotice({ type: 'fault', executionId: id, error }),
  })

  const books = faulting(store)
  const runs = faulting({ change: pool.change })

  const begin = async (
    workflow: StoredWorkflow,
    input: KeeperInput,
    key: string | null,
    startedBy: 'manual' | 'schedule',
  ): Promise<Begun> => {
    pool.checkOpen()
    const text = JSON.stringify(input)
    if (Buffer.byteLength(text) > mostInputBytes) {
      throw new ComputePoolError('input_too_large', `The input is larger than ${mostInputBytes} bytes.`)
    }
    const id = `exec_${Buffer.from(entropy.bytes(16)).toString('hex')}`
    const begun = await store.begin({
      id,
      workflowId: workflow.id,
      digest: workflow.digest,
      startedBy,
      input: text,
      key: key ?? `none:${id}`,
      createdAtMs: clock.wallMs(),
    })
    if (begun.kind === 'new') pool.add(begun.run)
    return begun
  }

  const scheduler = createRunScheduler(clock, (workflow, turnMs) => {
    void (async () => {
      const unfinished = await store.unfinished()
      if (unfinished.some(run => run.workflowId === workflow.id && run.startedBy === 'schedule')) return
      await begin(workflow, {}, `schedule:${turnMs}`, 'schedule')
    })().catch(error => onNotice({ type: 'fault', executionId: '', error }))
  })
  const followSchedules = async (): Promise<void> => scheduler.follow(await workflows.list())
  const prune = (): void => {
    void store.prune(clock.wallMs()).catch(error => onNotice({ type: 'fault', executionId: '', error }))
    cancelPrune = clock.schedule(pruneEveryMs, prune)
  }
  const changed = async (stored: StoredWorkflow): Promise<StoredWorkflow> => {
    if (isStarted) await followSchedules()
    return stored
  }
  const detailOf = async (run: KeeperRunRow): Promise<RunDetail> => {
    const { definition } = await workflows.definitionOf(run.digest)
    const [steps, transactions] = [await store.steps(run.id), await store.transactions(run.id)]
    return {
      run,
      steps,
      transactions,
      workflow: shortName(definition.workflow.name),
      totalSteps: definition.nodes.length,
    }
  }
  const view = async (id: string) => runView(await find(id), await store.transactions(id))
  let isStarted = false

  return {
    workflows,
    async start() {
      for (const { definition } of options.workflows ?? []) await workflows.import(definition)
      for (const run of await store.unfinished()) pool.add(run)
      isStarted = true
      await followSchedules()
      prune()
    },
    importWorkflow: async definition => changed(await workflows.import(definition)),
    updateWorkflow: async (id, patch) => changed(await workflows.update(id, patch)),
    async executeById(id, input, idempotencyKey) {
      return begin(await workflows.find(id), input, idempotencyKey, 'manual')
    },
    async execute(name, input, { idempotencyKey, signal }) {
      signal?.throwIfAborted()
      const workflow = await workflows.byName(names.get(name) ?? name)
      if (!workflow) throw unknownWorkflow(name)
      const begun = await begin(workflow, input, idempotencyKey, 'manual')
      if (begun.kind === 'conflict') {
        throw new ComputePoolError('chain_keeper_conflict', `The key of run ${begun.runId} came with another input.`, {
          remedy: 'Use a key of its own for every different input.',
          context: { executionId: begun.runId },
        })
      }
      const status = begun.kind === 'new' ? 'running' : begun.run.status
      return { executionId: begun.run.id, status }
    },
    status: view,
    async wait(id, timeoutMs, signal) {
      signal?.throwIfAborted()
      const { status } = await find(id)
      if (!isFinalKeeperStatus(status) && timeoutMs > 0) await pool.waitFor(id, timeoutMs, signal)
      return view(id)
    },
    async logs(id) {
      await find(id)
      return (await store.steps(id)).map(logView).reverse()
    },
    async cancel(id) {
      const run = await find(id)
      if (isFinalKeeperStatus(run.status)) return view(id)
      await pool.cancel(id)
      return view(id)
    },
    async runs(workflowId, limit) {
      return Promise.all((await store.runs(workflowId, limit)).map(detailOf))
    },
    detail: async id => detailOf(await find(id)),
    async close() {
      cancelPrune()
      scheduler.close()
      await pool.close()
    },
  }
}
